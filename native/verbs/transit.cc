#include "verbs/transit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "reactor/clock.h"

namespace sanswitch::verbs {

namespace {

constexpr uint64_t kWaitNs = 2'000'000'000;

}  // namespace

Transit& Transit::instance() {
  static auto* transit = new Transit();
  return *transit;
}

void Transit::engineOpened() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    engines_++;
  }
  sweep(false);
}

void Transit::engineClosed() {
  bool isLast;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isLast = --engines_ == 0;
  }
  sweep(isLast);
  if (!isLast) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (engines_ > 0 || !travellers_.empty()) return;
  channel_.reset();
  if (timer_ >= 0) ::close(timer_);
  timer_ = -1;
}

int Transit::alarm() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (timer_ < 0) timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  // An event loop watches each descriptor once, and one thread may have several engines.
  int own = timer_ < 0 ? -1 : fcntl(timer_, F_DUPFD_CLOEXEC, 0);
  return own < 0 ? -errno : own;
}

void Transit::setAlarm() {
  uint64_t earliest = 0;
  for (const Traveller& one : travellers_) {
    if (earliest == 0 || one.deadlineNs < earliest) earliest = one.deadlineNs;
  }
  alarmNs_ = earliest;
  if (timer_ < 0) return;
  itimerspec at{};
  at.it_value.tv_sec = static_cast<time_t>(earliest / 1'000'000'000);
  at.it_value.tv_nsec = static_cast<long>(earliest % 1'000'000'000);
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
}

std::shared_ptr<EventChannel> Transit::channel(int* error) {
  std::lock_guard<std::mutex> lock(mutex_);
  *error = 0;
  if (channel_ == nullptr) channel_ = EventChannel::create();
  if (channel_ == nullptr) *error = lastFailure(ENOMEM);
  return channel_;
}

uint64_t Transit::put(TravellerNode* node) {
  sweep(false);
  uint64_t token = 0;
  // Random, so that one that is old meets no other connection.
  while (token == 0) {
    if (getrandom(&token, sizeof token, 0) != sizeof token) token = nowNs();
  }
  node->front().token = token;
  node->front().deadlineNs = nowNs() + kWaitNs;
  putBack(node);
  return token;
}

bool Transit::take(uint64_t token, TravellerNode* node) {
  sweep(false);
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = std::find_if(travellers_.begin(), travellers_.end(), [&](auto& one) { return one.token == token; });
  if (found == travellers_.end()) return false;
  node->splice(node->end(), travellers_, found);
  return true;
}

void Transit::putBack(TravellerNode* node) {
  std::lock_guard<std::mutex> lock(mutex_);
  uint64_t deadlineNs = node->front().deadlineNs;
  travellers_.splice(travellers_.end(), *node);
  // One that was taken leaves the alarm as it is: it finds nobody late, and is set anew.
  if (alarmNs_ == 0 || deadlineNs < alarmNs_) setAlarm();
}

void Transit::sweep(bool all) {
  TravellerNode late;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    uint64_t now = nowNs();
    for (auto one = travellers_.begin(); one != travellers_.end();) {
      auto next = std::next(one);
      if (all || one->deadlineNs <= now) late.splice(late.end(), travellers_, one);
      one = next;
    }
    if (all || (alarmNs_ != 0 && alarmNs_ <= now)) setAlarm();
  }
  for (const Traveller& one : late) Connection::destroy(one.connection);
}

}  // namespace sanswitch::verbs
