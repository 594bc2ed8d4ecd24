// The functions that each file of this folder adds to the addon.
#pragma once

#include <napi.h>

namespace sanswitch {

void exportWindows(Napi::Env env, Napi::Object exports);
void exportUnix(Napi::Env env, Napi::Object exports);
void exportSockets(Napi::Env env, Napi::Object exports);
void exportNetlink(Napi::Env env, Napi::Object exports);
void exportCopy(Napi::Env env, Napi::Object exports);
void exportMemoryFile(Napi::Env env, Napi::Object exports);
void exportFreedMemory(Napi::Env env, Napi::Object exports);

}  // namespace sanswitch
