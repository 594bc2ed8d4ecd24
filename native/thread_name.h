#pragma once

#include <napi.h>

namespace sanswitch {

// Adds setThreadName, which names the calling thread.
void exportThreadName(Napi::Env env, Napi::Object exports);

}  // namespace sanswitch
