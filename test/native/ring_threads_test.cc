// The C++ ring between two threads, under the sanitizers: streams, ends that write garbage, and sleeping sides.
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "check.h"
#include "roles.h"

namespace {

using arena::Result;

// Runs two roles on two threads over fresh memory.
void runPair(const char* first, const char* second, double amount, double limit_ms, Result results[2]) {
  std::vector<uint64_t> memory(arena::kBytes / 8 + 16);
  auto* base = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(memory.data()) + 127) & ~uintptr_t{127});
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
  const char* roles[2] = {first, second};
  std::thread threads[2];
  for (int i = 0; i < 2; i++) {
    threads[i] = std::thread([=] { results[i] = arena::runRole(roles[i], base, 21, amount, limit_ms, ends[i]); });
  }
  for (auto& thread : threads) thread.join();
  for (int end : ends) close(end);
  for (int i = 0; i < 2; i++) {
    if (!results[i].isOk) fprintf(stderr, "%s: %s\n", roles[i], results[i].problem);
    CHECK(results[i].isOk);
  }
}

}  // namespace

TEST(stream, "a stream between two threads arrives unharmed") {
  Result results[2];
  runPair("produce", "consume", 100'000, 0, results);
  CHECK(results[0].checksum == results[1].checksum);
  CHECK(results[1].records == 100'000);
}

TEST(garbage_producer, "a producer that writes garbage gets clean errors") {
  Result results[2];
  runPair("garbage-produce", "survive-consume", 1'000, 0, results);
  CHECK(results[1].errors > 0);
}

TEST(garbage_consumer, "a consumer that writes garbage gets clean errors") {
  Result results[2];
  runPair("survive-produce", "garbage-consume", 1'000, 0, results);
  CHECK(results[0].errors > 0 && results[0].records > 0);
}

TEST(litmus, "no wake-up between two threads is lost") {
  Result results[2];
  runPair("litmus-0", "litmus-1", 20'000, 2'000, results);
  CHECK(results[0].sleeps > 10 && results[1].sleeps > 10);
}

TEST_MAIN()
