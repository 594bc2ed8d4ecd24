// Checked arguments of a native function. The addon trusts nothing, not even its own JavaScript: a wrong type or a
// number out of range is a TypeError or RangeError there, never undefined behaviour here.
#pragma once

#include <errno.h>
#include <napi.h>

#include <cstdint>
#include <new>
#include <string>

namespace sanswitch {

// Bytes of a typed array that JavaScript passed; valid until the call returns.
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

// Reads the arguments of one call. The first failure throws a JavaScript exception; the others are then skipped, so a
// function reads all its arguments and asks `failed()` once.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  // True once a wrong argument was found; a JavaScript exception is pending then.
  bool failed() const { return failed_; }

  // An integer from `low` to `high`, both included.
  int64_t integer(size_t index, int64_t low, int64_t high);

  // The same, or `missing` if the argument is not there.
  int64_t integerOr(size_t index, int64_t low, int64_t high, int64_t missing);

  // A string of at most `limit` bytes of UTF-8, without NUL.
  std::string text(size_t index, size_t limit);

  // A bigint from 0 to 2^64 - 1.
  uint64_t bigint(size_t index);

  // The bytes of a typed array of any kind.
  Bytes bytes(size_t index);

  // The words of an Int32Array.
  int32_t* words(size_t index, size_t atLeast);

  // A wrong argument that the functions above don't know of.
  void fail(size_t index, const char* expected);

 private:
  const Napi::CallbackInfo& info_;
  bool failed_ = false;
};

// A function as JavaScript gets it: out of memory, it returns -ENOMEM, as any other failure returns its errno.
template <Napi::Value (*kFunction)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return kFunction(info);
  } catch (const std::bad_alloc&) {
    return Napi::Number::New(info.Env(), -ENOMEM);
  }
}

// Bytes behind `value` if it is a typed array of any kind, over ordinary or shared memory. False if it is none.
bool bytesOf(napi_env env, napi_value value, Bytes* out);

}  // namespace sanswitch
