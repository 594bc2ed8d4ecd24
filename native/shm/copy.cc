// Copying between typed arrays. Faster than TypedArray.set from 1-4 KiB up; below that JavaScript copies itself. Raw
// Node-API, for this is called once per message.
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "arguments.h"
#include "exports.h"

namespace sanswitch {

namespace {

bool inRange(const Bytes& bytes, int64_t offset, int64_t length) {
  return offset >= 0 && length >= 0 && static_cast<uint64_t>(offset) <= bytes.length &&
         static_cast<uint64_t>(length) <= bytes.length - static_cast<uint64_t>(offset);
}

#if defined(__x86_64__)

// Copies past the caches. Bytes that are written once into fresh memory, megabytes before anybody reads them again,
// would otherwise be fetched from memory only to be overwritten: that halves the rate (measured: ARCHITECTURE.md,
// "Bulk").
__attribute__((target("avx"))) void copyPastCaches(uint8_t* to, const uint8_t* from, size_t bytes) {
  constexpr size_t kLine = 64;
  const size_t head = (kLine - (reinterpret_cast<uintptr_t>(to) & (kLine - 1))) & (kLine - 1);
  memcpy(to, from, head);
  to += head;
  from += head;
  bytes -= head;
  for (; bytes >= 2 * kLine; bytes -= 2 * kLine, to += 2 * kLine, from += 2 * kLine) {
    const __m256i* source = reinterpret_cast<const __m256i*>(from);
    __m256i* target = reinterpret_cast<__m256i*>(to);
    const __m256i a = _mm256_loadu_si256(source);
    const __m256i b = _mm256_loadu_si256(source + 1);
    const __m256i c = _mm256_loadu_si256(source + 2);
    const __m256i d = _mm256_loadu_si256(source + 3);
    _mm256_stream_si256(target, a);
    _mm256_stream_si256(target + 1, b);
    _mm256_stream_si256(target + 2, c);
    _mm256_stream_si256(target + 3, d);
  }
  _mm_sfence();
  memcpy(to, from, bytes);
}

bool canCopyPastCaches() {
  static const bool can = __builtin_cpu_supports("avx");
  return can;
}

#else

void copyPastCaches(uint8_t* to, const uint8_t* from, size_t bytes) { memcpy(to, from, bytes); }
bool canCopyPastCaches() { return false; }

#endif

// Bytes from which a cold copy goes past the caches: less may well be read again from there.
constexpr int64_t kColdBytes = 64 * 1024;

// copy(destination, destinationOffset, source, sourceOffset, length): offsets and length in bytes. RangeError if they
// reach beyond either array; nothing is copied then. Overlapping ranges are allowed.
//
// copyCold(...): the same, for ranges that do not overlap and a destination that nobody has in a cache.
template <bool kCold>
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
  uint8_t* to = static_cast<uint8_t*>(destination.data) + destinationOffset;
  const uint8_t* from = static_cast<const uint8_t*>(source.data) + sourceOffset;
  if (kCold && length >= kColdBytes && canCopyPastCaches()) copyPastCaches(to, from, static_cast<size_t>(length));
  else memmove(to, from, static_cast<size_t>(length));
  return nullptr;
}

}  // namespace

void exportCopy(Napi::Env env, Napi::Object exports) {
  napi_value function = nullptr;
  napi_create_function(env, "copy", NAPI_AUTO_LENGTH, copy<false>, nullptr, &function);
  exports.Set("copy", Napi::Value(env, function));
  napi_create_function(env, "copyCold", NAPI_AUTO_LENGTH, copy<true>, nullptr, &function);
  exports.Set("copyCold", Napi::Value(env, function));
}

}  // namespace sanswitch
