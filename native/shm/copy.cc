// Copying between typed arrays. Faster than TypedArray.set from 1-4 KiB up; below that JavaScript copies itself. Raw
// Node-API, for this is called once per message.
#include <string.h>

#include "arguments.h"
#include "exports.h"

namespace sanswitch {

namespace {

bool inRange(const Bytes& bytes, int64_t offset, int64_t length) {
  return offset >= 0 && length >= 0 && static_cast<uint64_t>(offset) <= bytes.length &&
         static_cast<uint64_t>(length) <= bytes.length - static_cast<uint64_t>(offset);
}

// copy(destination, destinationOffset, source, sourceOffset, length): offsets and length in bytes. RangeError if they
// reach beyond either array; nothing is copied then. Overlapping ranges are allowed.
napi_value copy(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value values[5];
  Bytes destination, source;
  int64_t destinationOffset = 0, sourceOffset = 0, length = 0;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  if (!bytesOf(env, values[0], &destination) || !bytesOf(env, values[2], &source) ||
      napi_get_value_int64(env, values[1], &destinationOffset) != napi_ok ||
      napi_get_value_int64(env, values[3], &sourceOffset) != napi_ok ||
      napi_get_value_int64(env, values[4], &length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "copy takes (typed array, offset, typed array, offset, length)");
    return nullptr;
  }
  if (!inRange(destination, destinationOffset, length) || !inRange(source, sourceOffset, length)) {
    napi_throw_range_error(env, nullptr, "copy reaches beyond an array");
    return nullptr;
  }
  memmove(destination.data + destinationOffset, source.data + sourceOffset, static_cast<size_t>(length));
  return nullptr;
}

}  // namespace

void exportCopy(Napi::Env env, Napi::Object exports) {
  napi_value function = nullptr;
  napi_create_function(env, "copy", NAPI_AUTO_LENGTH, copy, nullptr, &function);
  exports.Set("copy", Napi::Value(env, function));
}

}  // namespace sanswitch
