// Lets JavaScript drive the C++ ends of a ring, run the roles of roles.h on a thread, and ring doorbells. For tests
// only: arguments are not checked beyond their number.
#include <node_api.h>
#include <sys/mman.h>

#include <string>
#include <thread>

#include "../roles.h"

namespace {

using arena::Result;
namespace ring = sanswitch::ring;

// The arguments of a call, read by position.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr);
  }

  double number(size_t at) const {
    double value = 0;
    napi_get_value_double(env_, values_[at], &value);
    return value;
  }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(static_cast<int64_t>(number(at))); }
  int integer(size_t at) const { return static_cast<int>(number(at)); }
  std::string text(size_t at) const {
    char buffer[64];
    size_t length = 0;
    napi_get_value_string_utf8(env_, values_[at], buffer, sizeof buffer, &length);
    return {buffer, length};
  }
  // The memory under a typed array, and its size.
  uint8_t* memory(size_t at, size_t* bytes = nullptr) const {
    void* data = nullptr;
    size_t length = 0;
    napi_typedarray_type type;
    napi_get_typedarray_info(env_, values_[at], &type, &length, &data, nullptr, nullptr);
    if (bytes != nullptr) *bytes = type == napi_uint8_array ? length : 4 * length;
    return static_cast<uint8_t*>(data);
  }
  template <typename T>
  T* external(size_t at) const {
    void* data = nullptr;
    napi_get_value_external(env_, values_[at], &data);
    return static_cast<T*>(data);
  }

 private:
  napi_env env_;
  size_t count_ = 8;
  napi_value values_[8];
};

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

template <typename T>
napi_value external(napi_env env, T* object) {
  napi_value result;
  auto finalize = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  napi_create_external(env, object, finalize, nullptr, &result);
  return result;
}

// mapShared(view, fd): lays the file over the view's pages, which belong to a shared WebAssembly.Memory. 0 or -errno.
napi_value mapShared(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t bytes = 0;
  uint8_t* at = arguments.memory(0, &bytes);
  void* mapped = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arguments.integer(1), 0);
  return number(env, mapped == MAP_FAILED ? -errno : 0);
}

// socketPair(ends: Int32Array): 0 or -errno.
napi_value socketPair(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int* ends = reinterpret_cast<int*>(arguments.memory(0));
  return number(env, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : -errno);
}

// sendWake(fd): 1 if the doorbell rings, else 0.
napi_value callSendWake(napi_env env, napi_callback_info info) {
  return number(env, sendWake(Arguments(env, info).integer(0)));
}

// waitForWake(fd, limit_ms): 1 if somebody rang, else 0. Blocks the thread.
napi_value callWaitForWake(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  return number(env, waitForWake(arguments.integer(0), arguments.integer(1)));
}

struct Role {
  Result result;
  std::thread thread;
};

// startRole(view, role, seed, amount, limit_ms, fd): runs it on a thread; joinRole must follow.
napi_value startRole(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  auto* role = new Role;
  uint8_t* base = arguments.memory(0);
  role->thread = std::thread([=, name = arguments.text(1), seed = arguments.u32(2), amount = arguments.number(3),
                              limit_ms = arguments.number(4), fd = arguments.integer(5)] {
    role->result = arena::runRole(name.c_str(), base, seed, amount, limit_ms, fd);
  });
  return external(env, role);
}

// joinRole(role, numbers: Float64Array(6)): waits for its end; returns the problem, '' if all went well.
napi_value joinRole(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  auto* role = arguments.external<Role>(0);
  role->thread.join();
  const Result& result = role->result;
  auto checksum = static_cast<double>(result.checksum);
  const double numbers[5] = {checksum, result.records, result.errors, result.sleeps, result.switches};
  memcpy(arguments.memory(1), numbers, sizeof numbers);
  napi_value problem;
  napi_create_string_utf8(env, result.isOk ? "" : result.problem, NAPI_AUTO_LENGTH, &problem);
  return problem;
}

// createProducer(view, prod, cons, base, capacity, reserve): offsets in bytes.
napi_value createProducer(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint8_t* memory = arguments.memory(0);
  ring::ProducerMemory place{arena::wordAt(memory, arguments.u32(1)), arena::wordAt(memory, arguments.u32(2)),
                             memory + arguments.u32(3), arguments.u32(4)};
  return external(env, new ring::Producer(place, arguments.u32(5)));
}

// producer(end, view, operation, a, b): what the operation of that name returns, as a number. A claim's payload is
// given as its offset in the view, -1 when full, -2 when corrupt, -3 when too large; its room follows by 'room'.
napi_value producer(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  auto* end = arguments.external<ring::Producer>(0);
  uint8_t* memory = arguments.memory(1);
  std::string operation = arguments.text(2);
  uint32_t a = arguments.u32(3);
  uint32_t b = arguments.u32(4);
  static thread_local uint32_t room = 0;
  double value = 0;
  if (operation == "claim") {
    ring::Producer::Claim claim = end->claim(a, b);
    room = claim.room;
    if (claim.status == ring::Status::kOk) value = static_cast<double>(claim.payload - memory);
    else value = claim.status == ring::Status::kFull ? -1 : claim.status == ring::Status::kCorrupt ? -2 : -3;
  } else if (operation == "room") {
    value = room;
  } else if (operation == "commit") {
    value = end->commit(a, b);
  } else if (operation == "publish") {
    end->publish();
  } else if (operation == "position") {
    value = static_cast<int32_t>(end->position());
  } else if (operation == "needPosition") {
    value = static_cast<int32_t>(end->needPosition(a));
  } else if (operation == "isDrained") {
    value = end->reloadConsumed() == ring::Status::kCorrupt ? -2 : end->isDrained();
  } else if (operation == "writeSwitch") {
    value = end->writeSwitch(a);
  } else if (operation == "rebase") {
    end->rebase(memory + a, b);
  }
  return number(env, value);
}

// createConsumer(view, prod, cons, base, capacity, capacityLimit).
napi_value createConsumer(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint8_t* memory = arguments.memory(0);
  ring::ConsumerMemory place{arena::wordAt(memory, arguments.u32(1)), arena::wordAt(memory, arguments.u32(2)),
                             memory + arguments.u32(3), arguments.u32(4)};
  return external(env, new ring::Consumer(place, arguments.u32(5)));
}

// A status as a number: what there is to say yes, no, or -2 to.
double statusNumber(ring::Status status) {
  return status == ring::Status::kCorrupt ? -2 : status == ring::Status::kOk;
}

// consumer(end, view, operation, a, b, record: Int32Array(3)): `next` fills type, offset in the view and length in.
napi_value consumer(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  auto* end = arguments.external<ring::Consumer>(0);
  uint8_t* memory = arguments.memory(1);
  std::string operation = arguments.text(2);
  double value = 0;
  if (operation == "next") {
    ring::Record record{};
    value = statusNumber(end->next(&record));
    auto* out = reinterpret_cast<uint32_t*>(arguments.memory(5));
    out[0] = record.type;
    out[1] = record.payload == nullptr ? 0 : static_cast<uint32_t>(record.payload - memory);
    out[2] = record.length;
  } else if (operation == "reload") {
    value = statusNumber(end->reload());
  } else if (operation == "release") {
    value = end->release();
  } else if (operation == "commit") {
    value = end->commit();
  } else if (operation == "position") {
    value = static_cast<int32_t>(end->position());
  } else if (operation == "discard") {
    value = statusNumber(end->discard());
  } else if (operation == "rebase") {
    value = statusNumber(end->rebase(memory + arguments.u32(3), arguments.u32(4)));
  }
  return number(env, value);
}

napi_value initialize(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback call;
  } functions[] = {
      {"mapShared", mapShared},     {"socketPair", socketPair},         {"sendWake", callSendWake},
      {"waitForWake", callWaitForWake}, {"startRole", startRole},       {"joinRole", joinRole},
      {"createProducer", createProducer}, {"producer", producer},       {"createConsumer", createConsumer},
      {"consumer", consumer},
  };
  for (const auto& one : functions) {
    napi_value function;
    napi_create_function(env, one.name, NAPI_AUTO_LENGTH, one.call, nullptr, &function);
    napi_set_named_property(env, exports, one.name, function);
  }
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, initialize)
