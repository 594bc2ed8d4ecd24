// The reactor: one thread's poller, driven inline by that thread's libuv loop, or, while the thread sleeps, by the
// dedicated poller.
//
// Every turn of the loop passes through `onPrepare`. While work keeps coming the reactor is hot: it polls and spins
// for one slice per turn and lets the loop pass on without blocking, so that timers and other I/O keep their pace.
// When nothing has come for the window of the idle strategy, it publishes on every link that it sleeps (sleep epoch
// odd), looks at everything once more and lets the loop block; peers then wake it by a message on the link's socket.
// With the dedicated poller it does not spin: it hands its watched words over and lets the loop block at once; who
// finds something in them wakes it by its uv_async handle.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "layout.gen.h"
#include "reactor/idle.h"
#include "reactor/loop_object.h"
#include "reactor/poller.h"
#include "reactor/poller_slot.h"

namespace sanswitch {

class Environment;

// The event of onLinkEvent when the peer has closed its end; a negative one is an errno.
constexpr int32_t kLinkEnded = 0;
// An alarm that is further away than this is none: nobody may spin without end.
constexpr uint64_t kAlarmAheadNs = 1000000;

// JavaScript's class Reactor. Its thread alone touches it.
class Reactor : public Napi::ObjectWrap<Reactor>, public LoopObject {
 public:
  explicit Reactor(const Napi::CallbackInfo& info);

  // Adds the class to the addon.
  static void exportClass(Napi::Env env, Napi::Object exports);

 private:
  // A link to a peer: its socket, and where we tell the peer that we sleep.
  struct Link {
    uv_poll_t poll;
    Reactor* owner;
    int32_t id;
    int fd;
    uint32_t windowId;
    // In our own segment, which is in that window: sleepEpoch.
    int32_t* epochWord;
    // Wake-ups received less odd epochs, each of which allows one.
    int32_t excessWakes;
    // It is among `readable_`.
    bool isReadable;
  };

  // JavaScript's methods; each says what it takes in src/native/addon.ts.
  Napi::Value addLink(const Napi::CallbackInfo& info);
  Napi::Value removeLink(const Napi::CallbackInfo& info);
  Napi::Value setControl(const Napi::CallbackInfo& info);
  Napi::Value setDedicated(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);
  void closeMethod(const Napi::CallbackInfo& info);
  static napi_value wake(napi_env env, napi_callback_info info);

  static void onPrepare(uv_prepare_t* handle);
  static void onCheck(uv_check_t* handle);
  static void onSocket(uv_poll_t* handle, int status, int events);

  void closeHandles() override;
  void closed() override;

  // Closes the handle of link `id`, if there is one; the link is gone as soon as libuv lets go of it.
  void closeLink(size_t id);
  bool takeControl(Napi::Value value);
  // Gives the JavaScript object its method `wake`, which knows this reactor by itself: to unwrap the object would be a
  // look into a dictionary, with all caches cold. The function must not outlive the object.
  bool addWake(const Napi::CallbackInfo& info);
  void startHandles();

  // Whether JavaScript is to be called at a moment so near that this thread does not sleep before it.
  bool awaitsAlarm(uint64_t now) const { return control_->alarm != 0 && control_->alarm <= now + kAlarmAheadNs; }
  // Whether that moment has come. It is told once.
  bool alarmRings(uint64_t now);
  // Spins for at most a slice. True if the loop must not block in this turn.
  bool runSlice();
  // Says on every link that this thread sleeps, unless there is work. True if it did not: the loop must not block.
  bool fallAsleep();
  // Takes that back on every link.
  void wakeUp();
  // Leaves the watched words and the links to the dedicated poller. False: no memory for it, so sleep as inline.
  bool handOver();
  // Has devices wake this thread from now on, or no more.
  void armSources();
  void disarmSources();
  // Tells the dedicated poller of sources that have come or gone. False: no memory for it now.
  bool shareSources();
  // Whether there is work for a thread that has just been woken.
  bool hasWork();
  int joinDedicated(int32_t strategy);
  void leaveDedicated();
  // There was work on the way to sleep: the window starts afresh. True.
  bool keepHot();
  // Calls onReady. False: it threw or can't be called, so leave it alone for the rest of this turn.
  bool callReady();
  // Ends the handle scope that callReady keeps open for the calls that follow it in one slice.
  void endCalls();
  // Does what a thread that slept was woken for.
  void workAfterSleep();
  // Takes the wake-ups from the sockets that this turn of the loop has found readable. Only after the work that they
  // announce: a message waits for two system calls less.
  void readSockets();
  void readSocket(Link* link);
  // Tells JavaScript, once, that a link's socket has ended. The link may be gone when this returns.
  void endLink(Link* link, int32_t event);
  // Whether the loop has something to do right now besides us. Also true while libuv has yet to tell the kernel of a
  // new descriptor, and then the loop may block all the same: who acts on this must keep it running (keepRunning_).
  bool loopIsBusy() const { return uv_backend_timeout(loop()) == 0; }

  Environment* environment_;
  Poller poller_;
  AdaptiveSpin idle_;
  // Points into `controlReference_`'s memory.
  layout::ReactorControl* control_ = nullptr;
  napi_ref controlReference_ = nullptr;
  napi_ref onReady_ = nullptr;
  napi_ref onBeforeSleep_ = nullptr;
  napi_ref onLinkEvent_ = nullptr;
  uv_prepare_t prepare_;
  uv_check_t check_;
  // Active while the loop must not block.
  uv_idle_t keepRunning_;
  // Our place in the dedicated poller; null: polled inline.
  std::shared_ptr<PollerSlot> slot_;
  // By which the dedicated poller wakes the loop. Made when it is first joined.
  uv_async_t awaken_;
  bool hasAwaken_ = false;
  // By link id; null where there is none.
  std::vector<Link*> links_;
  // Ids of links with something in their sockets, each once; room for it was made when the link came.
  std::vector<int32_t> readable_;
  // While a slice calls JavaScript: its scope and, in it, onReady.
  napi_handle_scope callScope_ = nullptr;
  napi_value readyFunction_ = nullptr;
  bool asleep_ = false;
  // The sources are armed.
  bool armed_ = false;
  // Of the sources that the dedicated poller knows.
  uint32_t sourcesVersion_ = 0;
  // The dedicated poller has this thread's words.
  bool lent_ = false;
  // The present window of the idle strategy was really spent polling.
  bool spun_ = false;
  // The loop was going to sleep but for the window that now has ended.
  bool cooled_ = true;
};

}  // namespace sanswitch
