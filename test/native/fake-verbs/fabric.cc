// The fabric itself: its one instance, its clock, and the descriptors that become readable.
#include "fabric.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace fake {

namespace {

using Clock = std::chrono::steady_clock;

// Long enough for any thread that is about to acknowledge.
constexpr auto kPatience = std::chrono::seconds(5);

struct Timers {
  std::multimap<Clock::time_point, std::pair<uint64_t, std::function<void()>>> due;
  std::condition_variable changed;
  uint64_t last = 0;
  bool isRunning = false;
};

Timers& timers() {
  static Timers* all = new Timers;
  return *all;
}

void runTimers() {
  Lock lock(fabric().mutex);
  Timers& all = timers();
  for (;;) {
    if (all.due.empty()) {
      all.changed.wait(lock);
      continue;
    }
    auto first = all.due.begin();
    if (first->first > Clock::now()) {
      Clock::time_point when = first->first;
      all.changed.wait_until(lock, when);
      continue;
    }
    std::function<void()> action = std::move(first->second.second);
    all.due.erase(first);
    action();
  }
}

}  // namespace

Fabric& fabric() {
  // Never destroyed: its thread outlives main.
  static Fabric* one = new Fabric;
  return *one;
}

uint64_t startTimer(uint64_t microseconds, std::function<void()> action) {
  Timers& all = timers();
  uint64_t timer = ++all.last;
  all.due.emplace(Clock::now() + std::chrono::microseconds(microseconds), std::make_pair(timer, std::move(action)));
  if (!all.isRunning) {
    all.isRunning = true;
    std::thread(runTimers).detach();
  }
  all.changed.notify_one();
  return timer;
}

void stopTimer(uint64_t timer) {
  if (timer == 0) return;
  Timers& all = timers();
  for (auto one = all.due.begin(); one != all.due.end(); ++one) {
    if (one->second.first != timer) continue;
    all.due.erase(one);
    return;
  }
}

void awaitAcknowledged(Lock* lock, const char* what, const std::function<bool()>& isDone) {
  if (fabric().acknowledged.wait_for(*lock, kPatience, isDone)) return;
  fprintf(stderr, "fake-verbs: %s would wait for ever: events were taken and not acknowledged\n", what);
  abort();
}

int bury(void* object, Kind kind, int error) {
  if (fabric().graves.insert(object).second) fabric().live[kind]--;
  return error;
}

int makeEventFd() { return eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE); }

void signalEvent(int fd) {
  uint64_t one = 1;
  // The counter is never near its end.
  if (write(fd, &one, sizeof one) != sizeof one) abort();
}

bool takeEvent(int fd) {
  uint64_t one = 0;
  return read(fd, &one, sizeof one) == sizeof one;
}

void unsignalEvent(int fd) {
  pollfd readable = {fd, POLLIN, 0};
  if (poll(&readable, 1, 0) == 1) takeEvent(fd);
}

}  // namespace fake
