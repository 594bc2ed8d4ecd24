// VerbsEngine: the calls from JavaScript. Each says what it does in src/native/verbs.ts.
#include <errno.h>

#include <new>
#include <string>

#include "tcp/address.h"
#include "verbs/engine_class.h"
#include "verbs/exports.h"

namespace sanswitch::verbs {

namespace {

uint32_t handleAt(Arguments& arguments, size_t index) {
  return static_cast<uint32_t>(arguments.integer(index, 0, INT32_MAX));
}

int familyAt(Arguments& arguments, size_t index) { return arguments.integer(index, 4, 6) == 6 ? AF_INET6 : AF_INET; }

}  // namespace

// A call that returns 0, a handle or -errno. After close(), and without memory, it is -errno.
template <int (VerbsEngine::*kMethod)(Arguments&)>
Napi::Value VerbsEngine::call(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int result;
  try {
    result = closing() ? -ECANCELED : (this->*kMethod)(arguments);
  } catch (const std::bad_alloc&) {
    result = -ENOMEM;
  }
  return arguments.failed() ? info.Env().Undefined() : Napi::Number::New(info.Env(), result);
}

int VerbsEngine::listen(Arguments& arguments) {
  int family = familyAt(arguments, 0);
  std::string address = arguments.text(1, kAddressLimit);
  auto port = static_cast<uint16_t>(arguments.integer(2, 0, 65535));
  auto backlog = static_cast<int>(arguments.integer(3, 0, INT32_MAX));
  bool v6only = arguments.integer(4, 0, 1) == 1;
  return arguments.failed() ? 0 : engine_->listen(family, address, port, backlog, v6only);
}

int VerbsEngine::listenerPort(Arguments& arguments) {
  uint32_t listener = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->listenerPort(listener);
}

int VerbsEngine::unlisten(Arguments& arguments) {
  uint32_t listener = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->unlisten(listener);
}

int VerbsEngine::resolve(Arguments& arguments) {
  int family = familyAt(arguments, 0);
  std::string source = arguments.text(1, kAddressLimit);
  auto sourcePort = static_cast<uint16_t>(arguments.integer(2, 0, 65535));
  std::string destination = arguments.text(3, kAddressLimit);
  auto destinationPort = static_cast<uint16_t>(arguments.integer(4, 1, 65535));
  auto timeoutMs = static_cast<int>(arguments.integer(5, 1, INT32_MAX));
  if (arguments.failed()) return 0;
  return engine_->resolve(family, source, sourcePort, destination, destinationPort, timeoutMs);
}

int VerbsEngine::resolveRoute(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  auto timeoutMs = static_cast<int>(arguments.integer(1, 1, INT32_MAX));
  return arguments.failed() ? 0 : engine_->resolveRoute(connection, timeoutMs);
}

int VerbsEngine::prepare(Arguments& arguments) {
  constexpr int64_t kDepthLimit = 65536;
  uint32_t connection = handleAt(arguments, 0);
  auto sendDepth = static_cast<uint32_t>(arguments.integer(1, 1, kDepthLimit));
  auto receiveDepth = static_cast<uint32_t>(arguments.integer(2, 1, kDepthLimit));
  auto maxInline = static_cast<uint32_t>(arguments.integer(3, 0, layout::VERBS_SLOT_BYTES));
  bool isShared = arguments.integer(4, 0, 1) == 1;
  int32_t* out = arguments.words(5, 3);
  if (arguments.failed()) return 0;
  Engine::Granted granted{};
  int error = engine_->prepare(connection, sendDepth, receiveDepth, maxInline, isShared, &granted);
  if (error < 0) return error;
  out[0] = static_cast<int32_t>(granted.inlineBytes);
  out[1] = static_cast<int32_t>(granted.readsOut);
  out[2] = granted.isShared ? 1 : 0;
  return 0;
}

int VerbsEngine::useChunk(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  auto chunk = static_cast<uint32_t>(arguments.integer(1, 0, layout::VERBS_CHUNK_COUNT - 1));
  return arguments.failed() ? 0 : engine_->useChunk(connection, chunk);
}

int VerbsEngine::connect(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  Bytes data = arguments.bytes(1);
  return arguments.failed() ? 0 : engine_->connect(connection, data.data, data.length);
}

int VerbsEngine::accept(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  Bytes data = arguments.bytes(1);
  return arguments.failed() ? 0 : engine_->accept(connection, data.data, data.length);
}

int VerbsEngine::reject(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  Bytes data = arguments.bytes(1);
  return arguments.failed() ? 0 : engine_->reject(connection, data.data, data.length);
}

int VerbsEngine::disconnect(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->disconnect(connection);
}

int VerbsEngine::destroy(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->destroy(connection);
}

int VerbsEngine::registerMemory(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  Bytes memory = arguments.bytes(1);
  auto access = static_cast<int>(arguments.integer(2, 0, INT32_MAX));
  int32_t* out = arguments.words(3, 4);
  if (arguments.failed()) return 0;
  // An offset in a submission has 32 bits.
  if (memory.length > UINT32_MAX) return -EMSGSIZE;
  Engine::Registered registered{};
  int region = engine_->registerMemory(connection, memory.data, memory.length, access, &registered);
  if (region < 0) return region;
  out[0] = static_cast<int32_t>(registered.localKey);
  out[1] = static_cast<int32_t>(registered.remoteKey);
  out[2] = static_cast<int32_t>(registered.address);
  out[3] = static_cast<int32_t>(registered.address >> 32);
  return region;
}

int VerbsEngine::deregister(Arguments& arguments) {
  uint32_t region = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->deregister(region);
}

int VerbsEngine::allocateWindow(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->allocateWindow(connection);
}

int VerbsEngine::bindWindow(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  uint32_t window = handleAt(arguments, 1);
  Engine::WindowRange range{};
  range.region = handleAt(arguments, 2);
  range.offset = static_cast<uint64_t>(arguments.integer(3, 0, UINT32_MAX));
  range.length = static_cast<uint64_t>(arguments.integer(4, 1, UINT32_MAX));
  range.access = static_cast<int>(arguments.integer(5, 0, INT32_MAX));
  int64_t cookie = arguments.integer(6, -1, layout::VERBS_COOKIE_MAX);
  int32_t* out = arguments.words(7, 1);
  if (arguments.failed()) return 0;
  uint32_t key = 0;
  int error = engine_->bindWindow(connection, window, range, cookie, &key);
  if (error == 0) out[0] = static_cast<int32_t>(key);
  return error;
}

int VerbsEngine::invalidateWindow(Arguments& arguments) {
  uint32_t connection = handleAt(arguments, 0);
  uint32_t window = handleAt(arguments, 1);
  int64_t cookie = arguments.integer(2, -1, layout::VERBS_COOKIE_MAX);
  return arguments.failed() ? 0 : engine_->invalidateWindow(connection, window, cookie);
}

int VerbsEngine::freeWindow(Arguments& arguments) {
  uint32_t window = handleAt(arguments, 0);
  return arguments.failed() ? 0 : engine_->freeWindow(window);
}

Napi::Value VerbsEngine::detach(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  uint32_t connection = handleAt(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  uint64_t token = 0;
  int error;
  try {
    error = closing() ? -ECANCELED : engine_->detach(connection, &token);
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  if (error < 0) return Napi::Number::New(info.Env(), error);
  return Napi::BigInt::New(info.Env(), token);
}

int VerbsEngine::attach(Arguments& arguments) {
  uint64_t token = arguments.bigint(0);
  Bytes slots = arguments.bytes(1);
  int32_t* words = arguments.words(1, 0);
  int32_t* out = arguments.words(2, 1);
  if (arguments.failed()) return 0;
  auto count = static_cast<uint32_t>(slots.length / sizeof(int32_t));
  for (uint32_t i = 0; i < count; i++) {
    if (words[i] < 0 || static_cast<uint32_t>(words[i]) >= layout::VERBS_SLOT_COUNT) return -EINVAL;
  }
  uint32_t taken = 0;
  int handle = engine_->attach(token, words, count, &taken);
  out[0] = static_cast<int32_t>(taken);
  return handle;
}

Napi::Value VerbsEngine::connectionDevice(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  uint32_t connection = handleAt(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  std::shared_ptr<Device> device;
  uint8_t port = 0;
  int error;
  try {
    error = closing() ? -ECANCELED : engine_->deviceOf(connection, &device, &port);
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  if (error < 0) return Napi::Number::New(info.Env(), error);
  const abi::ibv_device_attr& attributes = device->attributes();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("device", device->number());
  result.Set("name", device->name());
  result.Set("port", static_cast<uint32_t>(port));
  result.Set("hasWindows", device->hasWindows());
  result.Set("hasSharedReceives", attributes.max_srq > 0);
  result.Set("maxSharedDepth", attributes.max_srq_wr);
  result.Set("maxReadDepth", attributes.max_qp_init_rd_atom);
  result.Set("maxQueueDepth", attributes.max_qp_wr);
  return result;
}

Napi::Value VerbsEngine::stats(const Napi::CallbackInfo& info) {
  Engine::Stats stats{};
  if (!closing()) stats = engine_->stats();
  Napi::Object result = Napi::Object::New(info.Env());
  auto set = [&](const char* name, uint64_t value) { result.Set(name, static_cast<double>(value)); };
  set("completions", stats.completions);
  set("batches", stats.batches);
  set("foreignBatches", stats.foreignBatches);
  set("events", stats.events);
  set("posted", stats.posted);
  set("posts", stats.posts);
  set("copiedReceives", stats.copiedReceives);
  set("backlogged", stats.backlogged);
  set("connections", stats.connections);
  set("listeners", stats.listeners);
  set("regions", stats.regions);
  set("windows", stats.windows);
  set("chunks", stats.chunks);
  return result;
}

napi_value VerbsEngine::submit(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr, result = nullptr;
  void* data = nullptr;
  double given = -1;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, &data) != napi_ok ||
      napi_get_value_double(env, argument, &given) != napi_ok ||
      !(given >= 0 && given <= layout::VERBS_SUBMISSIONS_LIMIT) || given != static_cast<uint32_t>(given)) {
    napi_throw_type_error(env, nullptr, "submit takes the number of submissions");
    return nullptr;
  }
  auto submissions = static_cast<uint32_t>(given);
  auto* self = static_cast<VerbsEngine*>(data);
  uint32_t taken = self->closing() ? 0 : self->engine_->submit(submissions);
  napi_create_uint32(env, taken, &result);
  return result;
}

void exportVerbsEngine(Napi::Env env, Napi::Object exports) {
  using E = VerbsEngine;
  Napi::Function constructor = E::DefineClass(
      env, "VerbsEngine",
      {
          E::InstanceMethod<&E::call<&E::listen>>("listen"),
          E::InstanceMethod<&E::call<&E::listenerPort>>("listenerPort"),
          E::InstanceMethod<&E::call<&E::unlisten>>("unlisten"),
          E::InstanceMethod<&E::call<&E::resolve>>("resolve"),
          E::InstanceMethod<&E::call<&E::resolveRoute>>("resolveRoute"),
          E::InstanceMethod<&E::connectionDevice>("connectionDevice"),
          E::InstanceMethod<&E::call<&E::prepare>>("prepare"),
          E::InstanceMethod<&E::call<&E::useChunk>>("useChunk"),
          E::InstanceMethod<&E::call<&E::connect>>("connect"),
          E::InstanceMethod<&E::call<&E::accept>>("accept"),
          E::InstanceMethod<&E::call<&E::reject>>("reject"),
          E::InstanceMethod<&E::call<&E::disconnect>>("disconnect"),
          E::InstanceMethod<&E::call<&E::destroy>>("destroy"),
          E::InstanceMethod<&E::call<&E::registerMemory>>("register"),
          E::InstanceMethod<&E::call<&E::deregister>>("deregister"),
          E::InstanceMethod<&E::call<&E::allocateWindow>>("allocateWindow"),
          E::InstanceMethod<&E::call<&E::bindWindow>>("bindWindow"),
          E::InstanceMethod<&E::call<&E::invalidateWindow>>("invalidateWindow"),
          E::InstanceMethod<&E::call<&E::freeWindow>>("freeWindow"),
          E::InstanceMethod<&E::detach>("detach"),
          E::InstanceMethod<&E::call<&E::attach>>("attach"),
          E::InstanceMethod<&E::stats>("stats"),
          E::InstanceMethod<&E::ref>("ref"),
          E::InstanceMethod<&E::unref>("unref"),
          E::InstanceMethod<&E::closeMethod>("close"),
      });
  exports.Set("VerbsEngine", constructor);
}

}  // namespace sanswitch::verbs
