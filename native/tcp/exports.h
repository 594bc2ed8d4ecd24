// The functions and classes that this folder adds to the addon.
#pragma once

#include <napi.h>

namespace sanswitch {

void exportTcp(Napi::Env env, Napi::Object exports);

}  // namespace sanswitch
