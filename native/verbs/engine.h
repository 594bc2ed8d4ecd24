// A thread's RDMA engine, without its JavaScript face (engine_class.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "reactor/source.h"
#include "verbs/completion_ring.h"
#include "verbs/connection.h"
#include "verbs/connection_table.h"
#include "verbs/handle_table.h"
#include "verbs/memory.h"
#include "verbs/work_id.h"

namespace sanswitch::verbs {

// Something that waits for a descriptor to become readable.
class Readable {
 public:
  // Takes what is there. False: it can't, for now or for good, and the descriptor may stay readable.
  virtual bool readable() = 0;

 protected:
  ~Readable() = default;
};

// What an engine needs of its thread's event loop.
class Loop {
 public:
  // Calls `who->readable()` as long as `fd` is readable, and after a failure of it not before a pause, so that a thread
  // whose device fails for good does nothing else. 0 or -errno. The descriptor is the only one of its number that is
  // watched, and is closed only after unwatch().
  virtual int watch(int fd, Readable* who) = 0;
  virtual void unwatch(Readable* who) = 0;
  // Calls `who->readable()` at once, whatever its descriptor says; with the same pause after a failure.
  virtual void look(Readable* who) = 0;
  // Lets the loop go on if it sleeps; from any thread, until close().
  virtual void wake() = 0;

 protected:
  ~Loop() = default;
};

// What is the same for all connections of an engine; see VerbsEngineOptions in src/native/verbs.ts.
struct EngineOptions {
  uint8_t ackTimeout;
  uint8_t retryCount;
  uint8_t rnrRetryCount;
};

class DeviceUse;

// All of it belongs to its thread, but for what Source says, and ring(). Functions return 0, a handle or a negated
// errno, and may throw std::bad_alloc with nothing done. What they do is said in src/native/verbs.ts.
class Engine final : public Source, private Readable {
 public:
  Engine(std::shared_ptr<Segment> segment, Loop* loop, const EngineOptions& options);
  ~Engine() override;

  // Opens the event channel. 0 or -errno; after a failure only close() may follow.
  int open();

  // Ends everything. Idempotent; nothing but Source's functions may be called after it.
  void close();

  bool drain() override;
  void arm() override;
  void disarm() override;

  CompletionRing& ring() { return *ring_; }

  // A message has been copied into this arena. Any thread.
  void countCopy() { copies_.fetch_add(1, std::memory_order_relaxed); }

  int listen(int family, const std::string& address, uint16_t port, int backlog, bool v6only);
  int listenerPort(uint32_t listener);
  int unlisten(uint32_t listener);

  int resolve(int family, const std::string& source, uint16_t sourcePort, const std::string& destination,
              uint16_t destinationPort, int timeoutMs);
  int resolveRoute(uint32_t handle, int timeoutMs);
  // The device that a connection goes by, for connectionDevice. 0 or -errno.
  int deviceOf(uint32_t handle, std::shared_ptr<Device>* device, uint8_t* port);
  // What prepare() grants.
  struct Granted {
    uint32_t inlineBytes;
    uint32_t readsOut;
    bool isShared;
  };
  int prepare(uint32_t handle, uint32_t sendDepth, uint32_t receiveDepth, uint32_t maxInline, bool isShared,
              Granted* granted);
  int useChunk(uint32_t handle, uint32_t chunk);
  int connect(uint32_t handle, const uint8_t* privateData, size_t privateBytes);
  int accept(uint32_t handle, const uint8_t* privateData, size_t privateBytes);
  int reject(uint32_t handle, const uint8_t* privateData, size_t privateBytes);
  int disconnect(uint32_t handle);
  int destroy(uint32_t handle);

  // In `*token` what attach wants. 0 or -errno.
  int detach(uint32_t handle, uint64_t* token);
  // The handle or -errno. `*taken`: of the `count` slots, how many are needed and were taken.
  int attach(uint64_t token, const int32_t* slots, uint32_t count, uint32_t* taken);
  // 1: nobody had come; 0: somebody has.

  // How many of the first `count` submissions were taken.
  uint32_t submit(uint32_t count);

  struct Registered {
    uint32_t localKey;
    uint32_t remoteKey;
    uint64_t address;
  };
  int registerMemory(uint32_t handle, uint8_t* data, size_t length, int access, Registered* registered);
  int deregister(uint32_t region);
  int allocateWindow(uint32_t handle);
  // What a window is bound to, and for which access.
  struct WindowRange {
    uint32_t region;
    uint64_t offset;
    uint64_t length;
    int access;
  };
  // `cookie`: of the completion that is wanted; negative: none.
  int bindWindow(uint32_t handle, uint32_t window, const WindowRange& range, int64_t cookie, uint32_t* key);
  int invalidateWindow(uint32_t handle, uint32_t window, int64_t cookie);
  int freeWindow(uint32_t window);

  // See VerbsEngineStats in src/native/verbs.ts.
  struct Stats {
    uint64_t completions, batches, foreignBatches, events, posted, posts, copiedReceives, backlogged;
    size_t connections, listeners, regions, windows, chunks;
  };
  Stats stats();

 private:
  struct Listener {
    abi::rdma_cm_id* id = nullptr;
  };

  // The event channel is readable.
  bool readable() override;
  void handleEvent(const abi::rdma_cm_event& event, EventNode* node);
  // A connect request's connection, or null: there is none, and the request is refused.
  Connection* adopt(const abi::rdma_cm_event& event);
  void release(Connection* connection);
  // A connection that this thread has had is gone from a queue.
  void leave(const Device* device, const CompletionQueue* queue);
  // Has drain() know the queues of all devices. False: there is no memory for it; it goes on with those that it knows.
  bool updateQueues();
  // A device is gone: drops what is left of it, unless a connection still is.
  void forget(const Device* device);

  // Post as many of the submissions from `first` on, `limit` at most, as go with one call. How many; 0: the first one
  // can't be posted, for a negated errno.
  uint32_t postSends(Connection* connection, uint32_t first, uint32_t limit, int* error);
  uint32_t postReceives(Connection* connection, uint32_t first, uint32_t limit, int* error);
  // Notes that a slot is about to be posted. False: it can't be.
  static bool note(Connection* connection, uint32_t slot);
  // A slot for what comes into a shared queue elsewhere. 0 or -errno.
  int supply(Connection* connection, uint32_t slot);
  int postOne(Connection* connection, uint32_t op, int64_t cookie, abi::ibv_send_wr* request);
  // The local memory of a submission. 0 or -errno.
  int describe(Connection* connection, const layout::VerbsSubmission& entry, abi::ibv_sge* out);
  // The device has not taken the requests from `bad` on. How many these are.
  template <typename Request>
  uint32_t refuse(Connection* connection, const Request* requests, uint32_t count, const Request* bad, int failed);
  void notPosted(uint32_t handle, const WorkId& work, int error);
  // Frees the windows of a connection, bound or not: a queue pair with windows takes its time to go, on some devices.
  void freeWindowsOf(uint32_t connection);
  void releaseMemory();

  // A connection of this engine, or null.
  Connection* find(uint32_t handle);
  // The use of the device that `connection` has been bound to, made if there is none. Null with a negated errno.
  DeviceUse* useOf(Connection* connection, int* error);
  // detach, within the queue's lock. May throw std::bad_alloc, with nothing done.
  void leaveReceives(Connection* connection, std::unique_ptr<Moved> moved);
  int adoptFrom(Connection* connection, const int32_t* slots, uint32_t count, uint32_t* taken);
  // Of a connection that knows its depths and what it shares. 0 or -errno, with nothing left behind.
  int makeQueuePair(Connection* connection, DeviceUse* use, uint32_t maxInline);
  int createQueuePair(Connection* connection, const std::shared_ptr<CompletionQueue>& queue, uint32_t maxInline);

  const std::shared_ptr<Segment> segment_;
  Loop* const loop_;
  const EngineOptions options_;
  // Shared with connections that have gone elsewhere, while slots of theirs are to come back.
  const std::shared_ptr<CompletionRing> ring_;
  std::shared_ptr<EventChannel> channel_;
  bool isWatched_ = false;
  // Rings when connections on their way to other engines are late, see Transit.
  class Alarm final : public Readable {
   public:
    int fd = -1;
    bool readable() override;
  } alarm_;
  bool isClosed_ = false;
  HandleTable<Listener> listeners_;
  HandleTable<Region> regions_;
  HandleTable<Window> windows_;
  // Its thread's own.
  struct {
    uint64_t posted, posts;
  } counters_{};
  // Of drain(), with the lock of the queues.
  struct {
    uint64_t completions, batches, foreignBatches;
  } drained_{};
  std::atomic<uint64_t> copies_{0};
  const std::thread::id thread_ = std::this_thread::get_id();
  std::vector<Connection*> connections_;
  std::vector<std::unique_ptr<DeviceUse>> devices_;

  // What drain() passes over. Its thread alone changes it, with the lock.
  std::mutex queuesMutex_;
  std::vector<std::shared_ptr<CompletionQueue>> queues_;
};

}  // namespace sanswitch::verbs
