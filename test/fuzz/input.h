// What the fuzz targets share: the fuzzer's bytes as a stream of choices, and the check of an invariant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// An invariant. Not assert: it holds in every build, and says where it broke.
#define REQUIRE(condition)                                                              \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      fprintf(stderr, "%s:%d: violated: %s\n", __FILE__, __LINE__, #condition);         \
      abort();                                                                          \
    }                                                                                   \
  } while (0)

namespace fuzz {

// Yields zeros once the bytes are used up.
class Input {
 public:
  Input(const uint8_t* data, size_t length) : data_(data), left_(length) {}

  bool isDone() const { return left_ == 0; }

  uint8_t byte() {
    if (left_ == 0) return 0;
    left_--;
    return *data_++;
  }

  uint32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value |= static_cast<uint32_t>(byte()) << (8 * i);
    return value;
  }

  // 0 to `limit` - 1, at most 255.
  uint32_t below(uint32_t limit) { return byte() % limit; }

 private:
  const uint8_t* data_;
  size_t left_;
};

}  // namespace fuzz
