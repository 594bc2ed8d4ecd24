// What became of loading the RDMA libraries, and which devices they show: for people who want to know why.
#include <errno.h>

#include <string>
#include <vector>

#include "arguments.h"
#include "verbs/device_list.h"
#include "verbs/exports.h"
#include "verbs/library.h"

namespace sanswitch::verbs {

namespace {

Napi::Array textArray(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); i++) array[i] = Napi::String::New(env, texts[i]);
  return array;
}

const char* forkSafetyOf(const Libraries& account) {
  if (account.functions == nullptr) return "unknown";
  switch (account.forkStatus) {
    case abi::IBV_FORK_DISABLED:
      return "disabled";
    case abi::IBV_FORK_ENABLED:
      return "enabled";
    case abi::IBV_FORK_UNNEEDED:
      return "unneeded";
  }
  return "unknown";
}

Napi::Value verbsLibraries(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Libraries& account = libraries();
  Napi::Array tried = Napi::Array::New(env, account.attempts.size());
  for (size_t i = 0; i < account.attempts.size(); i++) {
    const LoadAttempt& attempt = account.attempts[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("library", attempt.library);
    entry.Set("name", attempt.name);
    if (attempt.error.empty()) {
      entry.Set("error", env.Null());
    } else {
      entry.Set("error", attempt.error);
    }
    tried[i] = entry;
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("loaded", account.functions != nullptr);
  result.Set("tried", tried);
  result.Set("missing", textArray(env, account.missing));
  result.Set("absent", textArray(env, account.absent));
  result.Set("forkSafety", forkSafetyOf(account));
  return result;
}

Napi::Array portsOf(Napi::Env env, const DeviceFacts& device) {
  Napi::Array ports = Napi::Array::New(env, device.ports.size());
  for (size_t i = 0; i < device.ports.size(); i++) {
    const PortFacts& port = device.ports[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("port", port.port);
    entry.Set("state", port.state);
    entry.Set("linkLayer", port.linkLayer);
    entry.Set("activeMtu", port.activeMtu);
    entry.Set("gidCount", port.gidCount);
    ports[static_cast<uint32_t>(i)] = entry;
  }
  return ports;
}

Napi::Object objectOf(Napi::Env env, const DeviceFacts& device) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", device.name);
  result.Set("transport", device.transport);
  result.Set("guid", device.guid);
  result.Set("firmware", device.firmware);
  result.Set("vendorId", device.vendorId);
  result.Set("ports", portsOf(env, device));
  result.Set("maxQueuePairs", device.maxQueuePairs);
  result.Set("maxQueueDepth", device.maxQueueDepth);
  result.Set("maxCompletions", device.maxCompletions);
  result.Set("maxRegions", device.maxRegions);
  result.Set("maxWindows", device.maxWindows);
  result.Set("maxReadDepth", device.maxReadDepth);
  result.Set("maxSharedReceives", device.maxSharedReceives);
  result.Set("hasWindows", device.hasWindows);
  if (device.error.empty()) {
    result.Set("error", env.Null());
  } else {
    result.Set("error", device.error);
  }
  return result;
}

Napi::Value verbsDevices(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Functions* functions = libraries().functions;
  if (functions == nullptr) return Napi::Number::New(env, -ENOSYS);
  std::vector<DeviceFacts> list;
  int error = listDevices(*functions, &list);
  if (error < 0) return Napi::Number::New(env, error);
  Napi::Array devices = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); i++) devices[static_cast<uint32_t>(i)] = objectOf(env, list[i]);
  return devices;
}

}  // namespace

void exportVerbsDevices(Napi::Env env, Napi::Object exports) {
  exports.Set("verbsLibraries", Napi::Function::New<guarded<verbsLibraries>>(env, "verbsLibraries"));
  exports.Set("verbsDevices", Napi::Function::New<guarded<verbsDevices>>(env, "verbsDevices"));
}

}  // namespace sanswitch::verbs
