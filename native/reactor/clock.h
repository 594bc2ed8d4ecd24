// Monotonic time for spinning.
#pragma once

#include <time.h>

#include <cstdint>

namespace sanswitch {

// Nanoseconds of the monotonic clock; about 20 ns to ask.
inline uint64_t nowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

// Tells the processor that this is a spin loop, so that a sibling hyperthread gets on and leaving the loop is cheap.
inline void pauseProcessor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // ISB waits about as long as x86's pause; YIELD does nothing on most cores.
  __asm__ __volatile__("isb" ::: "memory");
#endif
}

}  // namespace sanswitch
