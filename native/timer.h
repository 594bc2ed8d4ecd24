#pragma once

#include <napi.h>

namespace sanswitch {

// Adds createTimer and armTimer: a descriptor that becomes readable at a moment, to within microseconds.
void exportTimer(Napi::Env env, Napi::Object exports);

}  // namespace sanswitch
