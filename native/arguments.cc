#include "arguments.h"

#include <cmath>

namespace sanswitch {

namespace {

size_t elementBytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

bool bytesOf(napi_env env, napi_value value, Bytes* out) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  // The array's own address, not its buffer's: napi_get_arraybuffer_info refuses shared buffers on older Nodes.
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return false;
  out->data = static_cast<uint8_t*>(data);
  out->length = length * elementBytes(type);
  return true;
}

void Arguments::fail(size_t index, const char* expected) {
  if (failed_) return;
  failed_ = true;
  std::string message = "argument " + std::to_string(index) + " must be " + expected;
  Napi::TypeError::New(info_.Env(), message).ThrowAsJavaScriptException();
}

int64_t Arguments::integer(size_t index, int64_t low, int64_t high) {
  if (failed_) return 0;
  double number = 0;
  if (napi_get_value_double(info_.Env(), info_[index], &number) != napi_ok || number != std::floor(number) ||
      !(number >= static_cast<double>(low) && number <= static_cast<double>(high))) {
    std::string expected = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
    fail(index, expected.c_str());
    return 0;
  }
  return static_cast<int64_t>(number);
}

int64_t Arguments::integerOr(size_t index, int64_t low, int64_t high, int64_t missing) {
  if (failed_ || info_.Length() <= index || info_[index].IsUndefined()) return missing;
  return integer(index, low, high);
}

std::string Arguments::text(size_t index, size_t limit) {
  if (failed_) return {};
  size_t length = 0;
  if (napi_get_value_string_utf8(info_.Env(), info_[index], nullptr, 0, &length) != napi_ok || length > limit) {
    std::string expected = "a string of at most " + std::to_string(limit) + " bytes";
    fail(index, expected.c_str());
    return {};
  }
  std::string text = info_[index].As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) fail(index, "a string without NUL");
  return text;
}

uint64_t Arguments::bigint(size_t index) {
  if (failed_) return 0;
  uint64_t number = 0;
  bool isExact = false;
  if (napi_get_value_bigint_uint64(info_.Env(), info_[index], &number, &isExact) != napi_ok || !isExact) {
    fail(index, "a bigint of 64 bits");
    return 0;
  }
  return number;
}

Bytes Arguments::bytes(size_t index) {
  Bytes found;
  if (!failed_ && !bytesOf(info_.Env(), info_[index], &found)) fail(index, "a typed array");
  return found;
}

int32_t* Arguments::words(size_t index, size_t atLeast) {
  if (failed_) return nullptr;
  if (!info_[index].IsTypedArray() || info_[index].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    fail(index, "an Int32Array");
    return nullptr;
  }
  Bytes found = bytes(index);
  if (found.length / sizeof(int32_t) < atLeast) {
    std::string expected = "an Int32Array of at least " + std::to_string(atLeast) + " words";
    fail(index, expected.c_str());
    return nullptr;
  }
  return reinterpret_cast<int32_t*>(found.data);
}

}  // namespace sanswitch
