#include "reactor.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <new>

#include "environment.h"
#include "reactor/clock.h"
#include "reactor/dedicated_poller.h"

namespace sanswitch {

namespace {

// Polls between two looks at the clock.
constexpr int kPollsPerClock = 16;
// Empty polls between offers of the processor to others, a multiple of kPollsPerClock: the peer that is spun for may
// be waiting for this very one. With a busy neighbour the round trip fell from 100 us to 15 (ARCHITECTURE.md,
// "Measured").
constexpr int kPollsPerYield = 64;
// Callbacks between two.
constexpr int kCallbacksPerClock = 4;
// Wake-up messages taken from one socket in one turn: a peer that sends without end must not hold up the loop.
constexpr int kMessagesPerTurn = 64;
// A peer may wake once per odd epoch. This many more, and the link ends; this many may be late.
constexpr int32_t kExcessWakes = 4096;
// The longest time that one slice of spinning may last, whatever the control block says.
constexpr uint32_t kSpinLimitNs = 1000000;

}  // namespace

bool Reactor::alarmRings(uint64_t now) {
  if (control_->alarm == 0 || control_->alarm > now) return false;
  control_->alarm = 0;
  return true;
}

bool Reactor::runSlice() {
  uint32_t budgetNs = control_->spinBudgetNs < kSpinLimitNs ? control_->spinBudgetNs : kSpinLimitNs;
  if (slot_ != nullptr) {
    slot_->spinBudgetNs.store(budgetNs, std::memory_order_relaxed);
    // If there is no memory for it now, the next slice tries again, and this thread drains them all the same.
    shareSources();
    budgetNs = 0;
  }
  idle_.setBudget(budgetNs);
  uint64_t start = cooled_ ? 0 : nowNs();
  uint64_t now = start;
  bool isSpinning = false;
  bool isAwaited = false;
  int callbacks = 0;
  for (int polls = 0;; polls++) {
    control_->polls++;
    if (polls % kPollsPerClock == 0) {
      if (polls > 0 || control_->alarm != 0) now = nowNs();
      isAwaited = awaitsAlarm(now);
    }
    if (poller_.doWork() > 0 || alarmRings(now)) {
      bool isDone = callReady();
      if (closing()) return false;
      // The clock costs a tenth of a short callback.
      if (++callbacks % kCallbacksPerClock == 1 || budgetNs == 0) now = nowNs();
      if (start == 0) start = now;
      if (cooled_) {
        idle_.wokeToWork(now);
      } else {
        idle_.worked(now);
      }
      spun_ = cooled_ = false;
      polls = 0;
      // Others in this loop must not wait for longer than a slice, however much there is to do here.
      if (!isDone || now - start >= budgetNs || loopIsBusy()) return true;
      continue;
    }
    if (cooled_ && !isAwaited) return false;
    if (polls % kPollsPerClock == 0) {
      if (start == 0) start = now;
      if (!isAwaited && !idle_.hot(now)) return false;
      if (now - start >= budgetNs || loopIsBusy()) return true;
      if (!isSpinning) control_->spins++;
      isSpinning = spun_ = true;
      if (polls > 0 && polls % kPollsPerYield == 0) sched_yield();
    }
    pauseProcessor();
  }
}

bool Reactor::fallAsleep() {
  if (!cooled_) idle_.cooled(nowNs(), spun_);
  cooled_ = true;
  spun_ = false;
  // Nothing needs to be said to anybody if the loop goes on anyway.
  if (loopIsBusy()) return true;
  if (control_->dirty != 0) {
    int32_t work = 0;
    control_->callbacks++;
    call(onBeforeSleep_, 0, nullptr, &work);
    if (closing()) return false;
    if (work > 0) return keepHot();
    if (loopIsBusy()) return true;
  }
  asleep_ = true;
  if (slot_ != nullptr && handOver()) {
    control_->sleeps++;
    return false;
  }
  for (Link* link : links_) {
    if (link == nullptr) continue;
    __atomic_store_n(link->epochWord, *link->epochWord + 1, __ATOMIC_SEQ_CST);
    if (link->excessWakes > -kExcessWakes) link->excessWakes--;
  }
  armSources();
  // The other half of Dekker's pattern: a peer publishes first and then reads the epoch. Either it sees the odd epoch
  // and wakes us, or we see what it has published.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (poller_.doWork() == 0) {
    control_->sleeps++;
    return false;
  }
  wakeUp();
  callReady();
  return !closing() && keepHot();
}

void Reactor::armSources() {
  for (const auto& source : environment_->sources.all()) source->arm();
  armed_ = true;
}

void Reactor::disarmSources() {
  if (!armed_) return;
  for (const auto& source : environment_->sources.all()) source->disarm();
  armed_ = false;
}

bool Reactor::shareSources() {
  if (sourcesVersion_ == environment_->sources.version()) return true;
  try {
    slot_->setSources(environment_->sources.all());
  } catch (const std::bad_alloc&) {
    return false;
  }
  sourcesVersion_ = environment_->sources.version();
  return true;
}

bool Reactor::keepHot() {
  idle_.wokeToWork(nowNs());
  cooled_ = false;
  return true;
}

bool Reactor::handOver() {
  if (!shareSources()) return false;
  SleepingThread& left = slot_->next();
  try {
    poller_.collect(&left.words);
    for (Link* link : links_) {
      if (link != nullptr) left.epochs.push_back(link->epochWord);
    }
  } catch (const std::bad_alloc&) {
    left.words.clear();
    left.epochs.clear();
    return false;
  }
  // The dedicated poller takes the last look: its first pass comes after this.
  environment_->windows.lend();
  lent_ = true;
  slot_->fallAsleep();
  DedicatedPoller::instance().signal();
  return true;
}

void Reactor::wakeUp() {
  asleep_ = false;
  int32_t timesOdd = slot_ == nullptr ? 0 : slot_->takeBack();
  if (lent_) environment_->windows.takeBack();
  lent_ = false;
  disarmSources();
  for (Link* link : links_) {
    if (link == nullptr) continue;
    link->excessWakes = std::max(link->excessWakes - timesOdd, -kExcessWakes);
    // A link that came while we slept has an even epoch already.
    if ((*link->epochWord & 1) != 0) {
      __atomic_store_n(link->epochWord, *link->epochWord + 1, __ATOMIC_SEQ_CST);
    }
  }
}

void Reactor::onPrepare(uv_prepare_t* handle) {
  auto* reactor = static_cast<Reactor*>(static_cast<LoopObject*>(handle->data));
  // Our own idle handle would hide whether anybody else keeps the loop from blocking.
  uv_idle_stop(&reactor->keepRunning_);
  bool goOn = reactor->runSlice();
  if (!goOn && !reactor->closing()) goOn = reactor->fallAsleep();
  reactor->endCalls();
  if (goOn && !reactor->closing()) uv_idle_start(&reactor->keepRunning_, [](uv_idle_t*) {});
}

void Reactor::onCheck(uv_check_t* handle) {
  auto* reactor = static_cast<Reactor*>(static_cast<LoopObject*>(handle->data));
  if (reactor->asleep_) reactor->workAfterSleep();
  if (!reactor->closing()) reactor->readSockets();
}

void Reactor::workAfterSleep() {
  wakeUp();
  if (!hasWork()) return;
  callReady();
  endCalls();
  if (closing()) return;
  idle_.wokeToWork(nowNs());
  cooled_ = false;
}

void Reactor::readSockets() {
  // By number: JavaScript, called on the way, may remove any of them.
  for (size_t i = 0; i < readable_.size(); i++) {
    Link* link = links_[readable_[i]];
    if (link == nullptr || !link->isReadable) continue;
    link->isReadable = false;
    readSocket(link);
    if (closing()) return;
  }
  readable_.clear();
}

bool Reactor::hasWork() {
  size_t records = slot_ == nullptr ? 0 : slot_->takeRecords();
  control_->records += records;
  if (records > 0) return true;
  control_->polls++;
  return poller_.doWork() > 0;
}

bool Reactor::callReady() {
  control_->callbacks++;
  if (callScope_ == nullptr) {
    if (napi_open_handle_scope(env(), &callScope_) != napi_ok) return false;
    napi_get_reference_value(env(), onReady_, &readyFunction_);
  }
  napi_value ignored;
  return callInScope(readyFunction_, 0, nullptr, &ignored);
}

void Reactor::endCalls() {
  if (callScope_ == nullptr) return;
  napi_close_handle_scope(env(), callScope_);
  callScope_ = nullptr;
}

void Reactor::onSocket(uv_poll_t* handle, int status, int) {
  Link* link = static_cast<Link*>(handle->data);
  if (status == 0) {
    if (!link->isReadable) link->owner->readable_.push_back(link->id);
    link->isReadable = true;
    return;
  }
  // libuv says EBADF whatever happened to the socket; the socket knows better.
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error == 0) error = -status;
  link->owner->endLink(link, -error);
}

void Reactor::endLink(Link* link, int32_t event) {
  // The end of the stream would stay readable for ever.
  uv_poll_stop(&link->poll);
  int32_t arguments[] = {link->id, event};
  call(onLinkEvent_, 2, arguments, nullptr);
}

void Reactor::readSocket(Link* link) {
  // Only that something came matters. Descriptors in it are dropped by the kernel, for there is no room for them.
  char data[16];
  for (int i = 0; i < kMessagesPerTurn; i++) {
    ssize_t length = recv(link->fd, data, sizeof data, MSG_DONTWAIT);
    if (length > 0) {
      control_->wakesReceived++;
      if (++link->excessWakes > kExcessWakes) return endLink(link, -EPROTO);
      // Nearly always it is the only one; another would make the descriptor readable again.
      if (link->excessWakes <= 0) return;
      continue;
    }
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    endLink(link, length == 0 ? kLinkEnded : -errno);
    return;
  }
}

napi_value Reactor::wake(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr, result = nullptr;
  void* data = nullptr;
  int32_t id = -1;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, &data) != napi_ok ||
      napi_get_value_int32(env, argument, &id) != napi_ok) {
    napi_throw_type_error(env, nullptr, "wake takes the number of a link");
    return nullptr;
  }
  auto* reactor = static_cast<Reactor*>(data);
  int32_t status = -ENOTCONN;
  if (id >= 0 && static_cast<size_t>(id) < reactor->links_.size() && reactor->links_[id] != nullptr) {
    reactor->control_->wakesSent++;
    char byte = 1;
    ssize_t sent = send(reactor->links_[id]->fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    // A full socket holds wake-ups that the peer has not read: it will wake anyway.
    status = sent == 1 || errno == EAGAIN ? 0 : -errno;
  }
  napi_create_int32(env, status, &result);
  return result;
}

}  // namespace sanswitch
