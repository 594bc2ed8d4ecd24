// A fake libibverbs and librdmacm in one library: devices, queue pairs and connections within this process, for what
// a machine with real ones can't be made to do. It behaves as mlx5 and rxe do with Linux's connection manager, and
// where these differ it is as strict as the stricter one.
//
// One lock guards everything. Requests are carried out within ibv_post_send, as far as the other end lets them; what
// has to wait for it (no receive posted, not connected yet, path cut) is taken up by a timer or by the other end.
// control.h says how a test makes it fail.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../../../native/verbs/abi.h"
#include "../../../native/verbs/abi_cm.h"

namespace fake {

using namespace sanswitch::verbs::abi;
using Lock = std::unique_lock<std::mutex>;

struct Context;
struct Id;
struct QueuePair;
struct SharedReceives;

// A part of an IP network that a device serves.
struct Subnet {
  int family;
  uint8_t address[16];
  unsigned bits;
};

struct Device : ibv_device {
  std::string netdev;
  std::vector<Subnet> subnets;
  uint64_t guid = 0;
  ibv_device_attr attr{};
  ibv_port_attr port{};
  uint32_t maxInline = 256;  // bytes
  // Removed: every call about it fails with EIO.
  bool isGone = false;
  // What librdmacm has opened, for all ids of the process; null before.
  Context* shared = nullptr;
  std::vector<Context*> contexts;
};

// What can be read from a descriptor: one count for each event, so that a reader that blocks is woken once for each.
int makeEventFd();
void signalEvent(int fd);
// Takes one count. False, with errno: nothing there (EAGAIN) or a failure. Not under the lock: it may block.
bool takeEvent(int fd);
// Takes back the count of an event that is dropped, unless a reader has it already.
void unsignalEvent(int fd);

struct Context : ibv_context {
  Device* owner = nullptr;
  std::deque<ibv_async_event> events;
  int users = 0;  // protection domains, queues and channels
};

struct Domain : ibv_pd {
  int users = 0;
};

struct Region : ibv_mr {
  unsigned access = 0;
  int windows = 0;
  size_t lockedBytes = 0;
};

struct Window : ibv_mw {
  // ibv_mw::rkey is what the program has noted, which it must after each bind; this is what holds.
  uint32_t key = 0;
  Region* region = nullptr;  // null: bound to nothing
  uint32_t qpNumber = 0;
  uint64_t address = 0;
  uint64_t bytes = 0;
  unsigned access = 0;
};

struct Completion {
  ibv_wc wc;
  bool isReceive;
  // Slots of the queue pair's receive or send queue that are free once this is polled.
  uint32_t retires;
};

struct CompletionQueue;

struct Channel : ibv_comp_channel {
  std::deque<CompletionQueue*> events;
};

struct CompletionQueue : ibv_cq {
  std::deque<Completion> completions;
  bool isArmed = false;
  bool isForSolicited = false;
  bool isBroken = false;
  int users = 0;
  uint32_t channelEvents = 0;  // handed out by ibv_get_cq_event
  uint32_t asyncEvents = 0;    // handed out by ibv_get_async_event
};

struct Receive {
  uint64_t id;
  std::vector<ibv_sge> pieces;
};

struct SharedReceives : ibv_srq {
  std::deque<Receive> receives;
  ibv_srq_attr attr{};
  int users = 0;
  uint32_t asyncEvents = 0;
};

struct Send {
  ibv_send_wr wr;
  std::vector<ibv_sge> pieces;
  std::vector<uint8_t> inlined;
  ibv_wc_status forced = IBV_WC_SUCCESS;  // what a test wants it to end with
};

struct QueuePair : ibv_qp {
  // ibv_qp::state is what the program has asked for; this is what the queue pair is in.
  ibv_qp_state actual = IBV_QPS_RESET;
  ibv_qp_cap cap{};
  bool signalsAll = false;
  std::deque<Send> sends;
  std::deque<Receive> receives;
  uint32_t sendSlots = 0;     // taken
  uint32_t receiveSlots = 0;  // taken
  uint32_t unsignalled = 0;   // sends that are done, and whose slots the next completion frees
  uint32_t peer = 0;          // number of the other queue pair
  unsigned accessFlags = 0;
  uint8_t timeout = 19;
  uint8_t retryCount = 7;
  uint8_t rnrRetry = 7;
  uint8_t minRnrTimer = 0;
  uint8_t maxReads = 0;        // that it may have under way
  uint8_t maxServedReads = 0;  // that the other end may
  unsigned rnrTries = 0;       // of the first send
  uint64_t timer = 0;          // that the first send waits for; 0: none
  bool isLost = false;         // the first send gets no answer
  uint32_t asyncEvents = 0;
};

struct EventChannel;

struct Event : rdma_cm_event {
  std::vector<uint8_t> privateData;
  Id* counted = nullptr;  // whose event it is: of a connect request the listener's
};

struct EventChannel : rdma_event_channel {
  std::deque<Event*> events;
};

enum class IdState {
  Idle,
  Bound,
  Resolving,
  AddressResolved,
  RouteResolved,
  Connecting,  // asked, no answer
  Requested,   // the passive end, before it has answered
  Accepted,    // the passive end, before the active one is ready
  Connected,
  Disconnecting,  // has asked, and waits for the other end to do the same
  Disconnected,
  Listening,
};

struct Id : rdma_cm_id {
  uint64_t serial = 0;
  IdState state = IdState::Idle;
  uint64_t peer = 0;      // serial of the other end; 0: none
  uint64_t listener = 0;  // of a connect request that was not handed out
  int backlog = 0;        // room for requests that were not handed out
  bool isV6only = false;
  bool isReusing = false;
  bool ownsPort = false;
  uint32_t ownPair = 0;  // number of its queue pair, once it was offered
  int ackTimeout = -1;  // -1: not set
  unsigned eventsTaken = 0;
  unsigned eventsAcknowledged = 0;
  rdma_conn_param offered{};   // by the other end, in its request or its answer
  rdma_conn_param own{};       // given to rdma_connect or rdma_accept
};

// What waits until a stage is released: "resolve", "route", "request", "response" or "data".
struct Held {
  std::string stage;
  std::function<void()> deliver;
};

enum Kind {
  kContexts,
  kDomains,
  kRegions,
  kWindows,
  kChannels,
  kQueues,
  kShared,
  kPairs,
  kEventChannels,
  kIds,
  kKinds,
};

struct Fabric {
  std::mutex mutex;
  std::condition_variable acknowledged;
  std::vector<Device*> devices;
  std::unordered_map<uint32_t, QueuePair*> pairs;
  // By the upper 24 bits of their keys.
  std::unordered_map<uint32_t, Region*> regions;
  std::unordered_map<uint32_t, Window*> windows;
  std::unordered_map<uint64_t, Id*> ids;
  uint32_t nextPair = 0x11;
  uint32_t nextKey = 1;
  uint64_t nextId = 1;
  uint16_t nextPort = 49152;
  size_t lockedBytes = 0;
  int live[kKinds] = {};
  // What could not be destroyed any more, because its device is gone: nobody's, but never freed.
  std::unordered_set<void*> graves;
  bool isForkProtected = false;

  // Set by control.cc.
  size_t memlockBytes = SIZE_MAX;
  bool isCut = false;
  unsigned connectTimeoutMs = 2000;
  std::unordered_set<std::string> heldStages;
  std::deque<Held> held;
  std::vector<Subnet> silent;
};

Fabric& fabric();

// Counts a call, and says with which errno it has to fail; 0: not at all. Under the lock.
int intercept(const char* function);
// The status with which a test wants this request to end; IBV_WC_SUCCESS: as it comes out.
ibv_wc_status injectedStatus(const char* operation);
// Does it now, or when the test releases the stage.
void deliver(const char* stage, std::function<void()> action);

// Runs `action` under the lock after a time, on the fabric's own thread. Returns its number, never 0.
uint64_t startTimer(uint64_t microseconds, std::function<void()> action);
void stopTimer(uint64_t timer);
// Waits until `isDone` holds. What waits longer than a few seconds would wait for ever: says so, and ends the process.
void awaitAcknowledged(Lock* lock, const char* what, const std::function<bool()>& isDone);

// As the real libraries do for what a removed device has left: keeps it, and answers `error`.
int bury(void* object, Kind kind, int error);

// device.cc
Device* deviceOf(const ibv_context* context);
bool isIwarp(const ibv_context* context);
Context* sharedContext(Device* device);
void raise(Device* device, ibv_event_type type, int port);
void raise(QueuePair* qp, ibv_event_type type);
void raise(CompletionQueue* cq, ibv_event_type type);
void raise(SharedReceives* srq, ibv_event_type type);
// Forgets what was raised about an object that goes.
void dropAsyncEvents(ibv_context* context, const void* element);
bool holdsAddress(const Subnet& subnet, const sockaddr* address);
bool parseSubnet(const std::string& text, Subnet* subnet);
// The device that serves an address, or null.
Device* deviceFor(const sockaddr* address);
bool isWildcard(const sockaddr* address);
bool isSilent(const sockaddr* address);

// memory.cc
// Copies between local memory and a flat buffer. False: a key does not open its piece.
bool gather(const QueuePair* qp, const std::vector<ibv_sge>& pieces, std::vector<uint8_t>* out);
enum class Scatter { Done, TooLong, Denied };
Scatter scatter(const QueuePair* qp, const std::vector<ibv_sge>& pieces, const uint8_t* data, size_t bytes,
                unsigned access = IBV_ACCESS_LOCAL_WRITE);
// What a remote key opens to `qp`, whose peer asks; null: nothing.
uint8_t* openRemote(const QueuePair* qp, uint32_t key, uint64_t address, size_t bytes, unsigned access);
bool bindWindow(const QueuePair* qp, const ibv_send_wr& wr);
bool invalidateKey(const QueuePair* qp, uint32_t key);
void dropWindowsOf(const QueuePair* qp);

// pair.cc
// Null, and an errno in `error`.
QueuePair* createPair(Context* context, ibv_pd* pd, ibv_qp_init_attr* attr, int* error);
void destroyPair(QueuePair* qp, Lock* lock);

// queue.cc
void complete(CompletionQueue* cq, const Completion& completion, bool isSolicited);

// wire.cc
// Carries out what the queue pair has posted, as far as it goes.
void progress(QueuePair* qp);
// To the error state: everything posted is flushed.
void enterError(QueuePair* qp);
// The queue pair can receive now: what the other end has sent too early arrives.
void enterReady(QueuePair* qp);
// Tries again what got no answer.
void resume(QueuePair* qp);
// The other queue pair, if what is sent now arrives there; null otherwise.
QueuePair* peerOf(const QueuePair* qp);
void flushSend(QueuePair* qp, const Send& send);
void flushReceive(QueuePair* qp, const Receive& receive);

// cm.cc
uint16_t portOf(const sockaddr* address);
void setPort(sockaddr* address, uint16_t port);
Id* newId(EventChannel* channel, void* context);
void removeId(Id* id);
void attachTo(Id* id, Device* device);
Id* findId(uint64_t serial);
Id* findListener(const sockaddr* address);
// Queues an event about `id` on its channel.
Event* push(Id* id, rdma_cm_event_type type, int status);
void dropEvents(rdma_event_channel* from, const Id* id);
void removeIdsOf(Device* device);

// connect.cc
// Tells the other end that this one is going away, by its state.
void leave(Id* id);

}  // namespace fake
