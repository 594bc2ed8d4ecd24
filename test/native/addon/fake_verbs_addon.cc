// Lets JavaScript give the fake libibverbs of its process a command: control(library, command) answers a number, see
// test/native/fake-verbs/control.h.
#include <dlfcn.h>
#include <node_api.h>
#include <stdint.h>

#include <string>

namespace {

std::string textOf(napi_env env, napi_value value) {
  size_t length = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, &text[0], length + 1, &length);
  return text;
}

napi_value control(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  // It stays loaded, as it does for the addon.
  void* library = dlopen(textOf(env, arguments[0]).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    napi_throw_error(env, nullptr, dlerror());
    return nullptr;
  }
  auto call = reinterpret_cast<int64_t (*)(const char*)>(dlsym(library, "fake_verbs_control"));
  napi_value result;
  napi_create_double(env, static_cast<double>(call(textOf(env, arguments[1]).c_str())), &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "control", NAPI_AUTO_LENGTH, control, nullptr, &function);
  napi_set_named_property(env, exports, "control", function);
  return exports;
}
