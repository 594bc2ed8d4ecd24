#include "library.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <initializer_list>

namespace sanswitch::verbs {

namespace {

// A function's name and where its address belongs.
struct Symbol {
  const char* name;
  void** target;
};

#define SYMBOL(name) \
  { #name, reinterpret_cast<void**>(&functions->name) }

// The names in a list with colons between them.
std::vector<std::string> splitNames(const std::string& list) {
  std::vector<std::string> names;
  for (size_t start = 0; start <= list.size();) {
    size_t end = list.find(':', start);
    if (end == std::string::npos) end = list.size();
    if (end > start) names.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return names;
}

// Opens the first of a library's names that can be opened; null if there is none. The environment of a program with
// more rights than its user does not count.
void* open(const char* library, const char* variable, const char* usual, std::vector<LoadAttempt>* attempts) {
  const char* list = secure_getenv(variable);
  for (const std::string& name : splitNames(list != nullptr && *list != '\0' ? list : usual)) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char* error = handle == nullptr ? dlerror() : "";
    attempts->push_back({library, name, error == nullptr ? "unknown error" : error});
    if (handle != nullptr) return handle;
  }
  return nullptr;
}

// Looks symbols up; the names of those that are not there go into `lost`.
void resolve(void* handle, std::initializer_list<Symbol> symbols, std::vector<std::string>* lost) {
  for (const Symbol& symbol : symbols) {
    *symbol.target = dlsym(handle, symbol.name);
    if (*symbol.target == nullptr) lost->emplace_back(symbol.name);
  }
}

void resolveVerbs(void* handle, Functions* functions, Libraries* account) {
  resolve(handle,
          {SYMBOL(ibv_get_device_list), SYMBOL(ibv_free_device_list), SYMBOL(ibv_get_device_guid),
           SYMBOL(ibv_open_device), SYMBOL(ibv_close_device), SYMBOL(ibv_query_device), SYMBOL(ibv_query_port),
           SYMBOL(ibv_alloc_pd), SYMBOL(ibv_dealloc_pd), SYMBOL(ibv_reg_mr), SYMBOL(ibv_dereg_mr),
           SYMBOL(ibv_create_comp_channel), SYMBOL(ibv_destroy_comp_channel),
           SYMBOL(ibv_create_cq), SYMBOL(ibv_destroy_cq), SYMBOL(ibv_get_cq_event), SYMBOL(ibv_ack_cq_events),
           SYMBOL(ibv_get_async_event), SYMBOL(ibv_ack_async_event), SYMBOL(ibv_create_srq), SYMBOL(ibv_destroy_srq),
           SYMBOL(ibv_modify_qp)},
          &account->missing);
  resolve(handle, {SYMBOL(ibv_fork_init), SYMBOL(ibv_is_fork_initialized)}, &account->absent);
}

void resolveManager(void* handle, Functions* functions, Libraries* account) {
  resolve(handle,
          {SYMBOL(rdma_create_event_channel), SYMBOL(rdma_destroy_event_channel), SYMBOL(rdma_create_id),
           SYMBOL(rdma_destroy_id), SYMBOL(rdma_bind_addr), SYMBOL(rdma_resolve_addr), SYMBOL(rdma_resolve_route),
           SYMBOL(rdma_create_qp), SYMBOL(rdma_destroy_qp), SYMBOL(rdma_connect), SYMBOL(rdma_listen),
           SYMBOL(rdma_accept), SYMBOL(rdma_reject), SYMBOL(rdma_disconnect), SYMBOL(rdma_get_cm_event),
           SYMBOL(rdma_ack_cm_event), SYMBOL(rdma_set_option), SYMBOL(rdma_migrate_id)},
          &account->missing);
}

#undef SYMBOL

// Keeps registered memory out of forked children, before any is registered. Not where the kernel copies it at a fork:
// the pages of an application's buffer hold other things too, which a child needs before it becomes another program
// (`spawn` failed with EFAULT), and older libraries keep them out even so.
abi::ibv_fork_status protectForks(const Functions& functions) {
  auto status = functions.ibv_is_fork_initialized;
  if (status != nullptr && status() == abi::IBV_FORK_UNNEEDED) return abi::IBV_FORK_UNNEEDED;
  bool isReady = functions.ibv_fork_init != nullptr && functions.ibv_fork_init() == 0;
  if (status != nullptr) return status();
  return isReady ? abi::IBV_FORK_ENABLED : abi::IBV_FORK_DISABLED;
}

}  // namespace

Libraries loadLibraries(Functions* functions) {
  Libraries account;
  *functions = {};
  void* verbs = open("libibverbs", "SANSWITCH_LIBIBVERBS", "libibverbs.so.1:libibverbs.so", &account.attempts);
  void* manager = open("librdmacm", "SANSWITCH_LIBRDMACM", "librdmacm.so.1:librdmacm.so", &account.attempts);
  if (verbs != nullptr) resolveVerbs(verbs, functions, &account);
  if (manager != nullptr) resolveManager(manager, functions, &account);
  if (verbs == nullptr || manager == nullptr || !account.missing.empty()) return account;
  account.functions = functions;
  account.forkStatus = protectForks(*functions);
  return account;
}

const Libraries& libraries() {
  // Never destroyed: a thread may be in these libraries while the process ends.
  static const Libraries* account = new Libraries(loadLibraries(new Functions));
  return *account;
}

}  // namespace sanswitch::verbs
