// The functions and classes that each file of this folder adds to the addon.
#pragma once

#include <napi.h>

namespace sanswitch::verbs {

void exportVerbsDevices(Napi::Env env, Napi::Object exports);
void exportVerbsEngine(Napi::Env env, Napi::Object exports);

}  // namespace sanswitch::verbs
