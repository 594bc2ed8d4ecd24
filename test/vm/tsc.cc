// Prints the rate of this machine's time-stamp counter in kHz. Under emulation the guest sees this very counter.
#include <x86intrin.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>

int main() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const uint64_t startTicks = __rdtsc();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto end = Clock::now();
  const uint64_t endTicks = __rdtsc();
  const double elapsedMs = std::chrono::duration<double, std::milli>(end - start).count();
  std::printf("%.0f\n", static_cast<double>(endTicks - startTicks) / elapsedMs);
}
