// The idle strategy, with a clock that stands still until it is told.
#include "../../native/reactor/idle.cc"

#include "check.h"

using sanswitch::AdaptiveSpin;

namespace {

constexpr uint32_t kBudget = 48000;

// How long `idle` stays hot from `now` on, in steps of 100 ns.
uint64_t window(const AdaptiveSpin& idle, uint64_t now) {
  uint64_t end = now;
  while (idle.hot(end)) end += 100;
  return end - now;
}

// A driver: works at `now`, spins for the whole window in vain, sleeps. Returns how long it spun.
uint64_t spinInVain(AdaptiveSpin* idle, uint64_t now) {
  uint64_t spun = window(*idle, now);
  idle->cooled(now + spun, true);
  return spun;
}

}  // namespace

TEST(never, "a budget of 0 never spins") {
  AdaptiveSpin idle;
  idle.setBudget(0);
  idle.worked(1000);
  CHECK(!idle.hot(1000));
  idle.cooled(1000, false);
  idle.wokeToWork(2000);
  CHECK(!idle.hot(2000));
}

TEST(halves, "spinning in vain halves the window, down to a sixteenth of the budget") {
  AdaptiveSpin idle;
  idle.setBudget(kBudget);
  uint64_t now = 1000000;
  idle.wokeToWork(now);
  uint64_t expected = kBudget;
  for (int i = 0; i < 10; i++) {
    CHECK(spinInVain(&idle, now) == expected);
    expected = expected / 2 > kBudget / 16 ? expected / 2 : kBudget / 16;
    // A long sleep, that no spinning would have caught.
    now += 10000000;
    idle.wokeToWork(now);
  }
}

TEST(restores, "work found inside the window restores the whole of it") {
  AdaptiveSpin idle;
  idle.setBudget(kBudget);
  uint64_t now = 1000000;
  idle.wokeToWork(now);
  spinInVain(&idle, now);
  now += 10000000;
  idle.wokeToWork(now);
  CHECK(window(idle, now) == kBudget / 2);
  idle.worked(now + 1000);
  CHECK(window(idle, now + 1000) == kBudget);
}

TEST(unspun, "a window that was not spent spinning says nothing") {
  AdaptiveSpin idle;
  idle.setBudget(kBudget);
  uint64_t now = 1000000;
  idle.wokeToWork(now);
  idle.cooled(now + kBudget, false);
  idle.wokeToWork(now + 10000000);
  CHECK(window(idle, now + 10000000) == kBudget);
}

TEST(hints, "short sleeps restore the window, ever more rarely when that brings nothing") {
  AdaptiveSpin idle;
  idle.setBudget(kBudget);
  uint64_t now = 1000000;
  idle.wokeToWork(now);
  int whole = 0;
  constexpr int kSleeps = 4000;
  for (int i = 0; i < kSleeps; i++) {
    uint64_t spun = spinInVain(&idle, now);
    if (spun == kBudget) whole++;
    now += spun + 20000;
    idle.wokeToWork(now);
  }
  // At first every time, in the end every 1024th.
  CHECK(whole >= 5);
  CHECK(whole < 30);
  // One success, and hints are believed at once again.
  idle.worked(now);
  spinInVain(&idle, now);
  now += kBudget + 20000;
  idle.wokeToWork(now);
  CHECK(window(idle, now) == kBudget);
}

TEST(budget, "a new budget counts at once") {
  AdaptiveSpin idle;
  idle.setBudget(kBudget);
  idle.worked(1000);
  idle.setBudget(1000);
  idle.worked(2000);
  CHECK(window(idle, 2000) == 1000);
  CHECK(idle.sliceNs() == 1000);
}

TEST_MAIN()
