// Accepting TCP connections in the event loop, without a libuv handle that would own them.
#pragma once

#include <napi.h>
#include <uv.h>

#include <array>
#include <cstdint>

#include "reactor/loop_object.h"
#include "tcp/address.h"

namespace sanswitch {

// JavaScript's class TcpAcceptor: takes connections off a listening socket, which stays the caller's, and hands those
// of each turn to JavaScript in one call. They belong to the environment, until released or closed by their cookies.
// Thread: the loop's own.
class TcpAcceptor : public Napi::ObjectWrap<TcpAcceptor>, public LoopObject {
 public:
  explicit TcpAcceptor(const Napi::CallbackInfo& info);
  ~TcpAcceptor() override;

  // Adds the class to the addon.
  static void exportClass(Napi::Env env, Napi::Object exports);

 private:
  // Connections taken in one turn of the loop: those who wait longer let everything else have its turn.
  static constexpr size_t kAcceptsPerTurn = 64;

  struct Accepted {
    int fd;
    uint64_t cookie;
    SocketAddress remote;
    SocketAddress local;
  };

  // JavaScript's methods; each says what it does in src/native/addon.ts.
  void pause(const Napi::CallbackInfo& info);
  void resume(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);
  void closeMethod(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);

  static void onReady(uv_poll_t* handle, int status, int events);
  static void onPauseOver(uv_timer_t* handle);

  // Polls for what the two reasons to pause leave to poll for.
  void updatePoll();

  // Fills batch_, which is empty. Returns 0, or the negated errno that ended it: the system is short of something.
  int acceptBatch();
  // Accepts one connection. 1, 0: that one is of no use, -EAGAIN: nobody waits, or what the system is short of.
  int acceptOne(Accepted* accepted);

  // Hands the batch to JavaScript; what it can't be told of is closed.
  void deliver();
  bool describe(napi_value* batch);

  // The system is short of `error`: nothing is accepted for a while.
  void meetShortage(int error);
  // Out of descriptors: takes one connection off the queue with the reserve, so that one client knows instead of none.
  void shedOne();
  void openReserve();

  void closeHandles() override;
  void closed() override;

  int fd_ = -1;
  // Spare descriptor; -1: it could not be had back yet.
  int reserve_ = -1;
  uv_poll_t poll_{};
  uv_timer_t pauseTimer_{};
  bool started_ = false;
  bool pausedByCaller_ = false;
  bool pausedForShortage_ = false;
  // JavaScript knows of a shortage, and nothing has been accepted since.
  bool shortageTold_ = false;
  napi_ref onBatch_ = nullptr;
  napi_ref onShortage_ = nullptr;

  std::array<Accepted, kAcceptsPerTurn> batch_;
  size_t batchLength_ = 0;

  uint64_t accepted_ = 0;
  uint64_t aborted_ = 0;
  uint64_t shed_ = 0;
  uint64_t pauses_ = 0;
};

}  // namespace sanswitch
