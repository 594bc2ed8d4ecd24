// Protection domains, memory regions and windows, and who may touch what by which key.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "fabric.h"

namespace fake {

namespace {

constexpr unsigned kRemote = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;

// A key's lowest byte is a tag, the others say which object it is of.
uint32_t indexOf(uint32_t key) { return key >> 8; }

uint32_t newKey() {
  uint32_t index = fabric().nextKey++ & 0xffffffu;
  // A tag that is not 0, so that no key is a small number by chance.
  return index << 8 | (0x5a ^ (index & 0xf));
}

template <typename T>
T* fail(int error) {
  errno = error;
  return nullptr;
}

bool isWithin(uint64_t low, uint64_t bytes, uint64_t address, uint64_t length) {
  return address >= low && length <= bytes && address - low <= bytes - length;
}

Region* findRegion(uint32_t key) {
  auto found = fabric().regions.find(indexOf(key));
  return found != fabric().regions.end() && found->second->lkey == key ? found->second : nullptr;
}

Window* findWindow(uint32_t key) {
  auto found = fabric().windows.find(indexOf(key));
  return found != fabric().windows.end() && found->second->key == key ? found->second : nullptr;
}

// The memory that a local key opens, or null.
uint8_t* openLocal(const QueuePair* qp, const ibv_sge& piece, unsigned access) {
  Region* region = findRegion(piece.lkey);
  if (region == nullptr || region->pd != qp->pd || (region->access & access) != access) return nullptr;
  if (!isWithin(reinterpret_cast<uint64_t>(region->addr), region->length, piece.addr, piece.length)) return nullptr;
  return reinterpret_cast<uint8_t*>(piece.addr);
}

void unbind(Window* window) {
  if (window->region != nullptr) window->region->windows--;
  window->region = nullptr;
}

}  // namespace

bool gather(const QueuePair* qp, const std::vector<ibv_sge>& pieces, std::vector<uint8_t>* out) {
  out->clear();
  for (const ibv_sge& piece : pieces) {
    // A piece of no length needs no key.
    if (piece.length == 0) continue;
    const uint8_t* from = openLocal(qp, piece, 0);
    if (from == nullptr) return false;
    out->insert(out->end(), from, from + piece.length);
  }
  return true;
}

Scatter scatter(const QueuePair* qp, const std::vector<ibv_sge>& pieces, const uint8_t* data, size_t bytes,
                unsigned access) {
  size_t room = 0;
  for (const ibv_sge& piece : pieces) room += piece.length;
  if (bytes > room) return Scatter::TooLong;
  for (const ibv_sge& piece : pieces) {
    if (bytes == 0) break;
    if (piece.length == 0) continue;
    uint8_t* to = openLocal(qp, piece, access);
    if (to == nullptr) return Scatter::Denied;
    size_t part = bytes < piece.length ? bytes : piece.length;
    memcpy(to, data, part);
    data += part;
    bytes -= part;
  }
  return Scatter::Done;
}

uint8_t* openRemote(const QueuePair* qp, uint32_t key, uint64_t address, size_t bytes, unsigned access) {
  if ((qp->accessFlags & access) != access) return nullptr;
  if (Region* region = findRegion(key)) {
    if (region->pd != qp->pd || (region->access & access) != access) return nullptr;
    if (!isWithin(reinterpret_cast<uint64_t>(region->addr), region->length, address, bytes)) return nullptr;
    return reinterpret_cast<uint8_t*>(address);
  }
  Window* window = findWindow(key);
  if (window == nullptr || window->region == nullptr || window->pd != qp->pd) return nullptr;
  if (window->qpNumber != qp->qp_num || (window->access & access) != access) return nullptr;
  return isWithin(window->address, window->bytes, address, bytes) ? reinterpret_cast<uint8_t*>(address) : nullptr;
}

bool bindWindow(const QueuePair* qp, const ibv_send_wr& wr) {
  Window* window = static_cast<Window*>(wr.bind_mw.mw);
  Region* region = static_cast<Region*>(wr.bind_mw.bind_info.mr);
  uint64_t address = wr.bind_mw.bind_info.addr;
  uint64_t bytes = wr.bind_mw.bind_info.length;
  unsigned access = wr.bind_mw.bind_info.mw_access_flags;
  if (window->type != IBV_MW_TYPE_2 || window->region != nullptr || window->pd != qp->pd) return false;
  if (region == nullptr || bytes == 0 || region->pd != qp->pd) return false;
  if ((region->access & IBV_ACCESS_MW_BIND) == 0) return false;
  if ((access & ~kRemote) != 0 || indexOf(wr.bind_mw.rkey) != indexOf(window->rkey)) return false;
  // The key must be a new one, and the program must know the old one.
  if (window->rkey != window->key || wr.bind_mw.rkey == window->key) return false;
  bool isWriting = (access & (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)) != 0;
  if (isWriting && (region->access & IBV_ACCESS_LOCAL_WRITE) == 0) return false;
  if (!isWithin(reinterpret_cast<uint64_t>(region->addr), region->length, address, bytes)) return false;
  window->region = region;
  window->qpNumber = qp->qp_num;
  window->address = address;
  window->bytes = bytes;
  window->access = access;
  window->key = wr.bind_mw.rkey;
  region->windows++;
  return true;
}

bool invalidateKey(const QueuePair* qp, uint32_t key) {
  Window* window = findWindow(key);
  if (window == nullptr || window->region == nullptr || window->qpNumber != qp->qp_num) return false;
  unbind(window);
  return true;
}

void dropWindowsOf(const QueuePair* qp) {
  for (auto& entry : fabric().windows) {
    if (entry.second->qpNumber == qp->qp_num) unbind(entry.second);
  }
}

ibv_mw* allocateWindow(ibv_pd* pd, ibv_mw_type type) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_alloc_mw")) return fail<ibv_mw>(error);
  Device* device = deviceOf(pd->context);
  if (device->isGone) return fail<ibv_mw>(EIO);
  if ((device->attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW) == 0) return fail<ibv_mw>(EOPNOTSUPP);
  if (fabric().live[kWindows] >= device->attr.max_mw) return fail<ibv_mw>(ENOMEM);
  Window* window = new Window;
  window->context = pd->context;
  window->pd = pd;
  window->type = type;
  window->rkey = window->key = newKey();
  window->handle = indexOf(window->key);
  fabric().windows[window->handle] = window;
  fabric().live[kWindows]++;
  static_cast<Domain*>(pd)->users++;
  return window;
}

int freeWindow(ibv_mw* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_dealloc_mw")) return error;
  if (deviceOf(freed->context)->isGone) return bury(freed, kWindows, EIO);
  Window* window = static_cast<Window*>(freed);
  unbind(window);
  fabric().windows.erase(window->handle);
  fabric().live[kWindows]--;
  static_cast<Domain*>(window->pd)->users--;
  delete window;
  return 0;
}

}  // namespace fake

using namespace fake;

extern "C" {

ibv_pd* ibv_alloc_pd(ibv_context* context) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_alloc_pd")) return fail<ibv_pd>(error);
  if (deviceOf(context)->isGone) return fail<ibv_pd>(EIO);
  Domain* pd = new Domain;
  pd->context = context;
  static_cast<Context*>(context)->users++;
  fabric().live[kDomains]++;
  return pd;
}

int ibv_dealloc_pd(ibv_pd* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_dealloc_pd")) return error;
  Domain* pd = static_cast<Domain*>(freed);
  if (deviceOf(pd->context)->isGone) return bury(freed, kDomains, EIO);
  if (pd->users > 0) return EBUSY;
  static_cast<Context*>(pd->context)->users--;
  fabric().live[kDomains]--;
  delete pd;
  return 0;
}

ibv_mr* ibv_reg_mr(ibv_pd* pd, void* address, size_t length, int access) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_reg_mr")) return fail<ibv_mr>(error);
  Device* device = deviceOf(pd->context);
  if (device->isGone) return fail<ibv_mr>(EIO);
  unsigned flags = static_cast<unsigned>(access);
  bool isWriting = (flags & (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)) != 0;
  if (isWriting && (flags & IBV_ACCESS_LOCAL_WRITE) == 0) return fail<ibv_mr>(EINVAL);
  if (length == 0 || length > device->attr.max_mr_size) return fail<ibv_mr>(EINVAL);
  if (fabric().live[kRegions] >= device->attr.max_mr) return fail<ibv_mr>(ENOMEM);
  uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t first = reinterpret_cast<uint64_t>(address) & ~(page - 1);
  size_t locked = ((reinterpret_cast<uint64_t>(address) + length + page - 1) & ~(page - 1)) - first;
  if (locked > fabric().memlockBytes - std::min(fabric().memlockBytes, fabric().lockedBytes)) {
    return fail<ibv_mr>(ENOMEM);
  }
  Region* region = new Region;
  region->context = pd->context;
  region->pd = pd;
  region->addr = address;
  region->length = length;
  region->access = flags;
  region->lockedBytes = locked;
  region->lkey = region->rkey = newKey();
  region->handle = indexOf(region->lkey);
  fabric().regions[region->handle] = region;
  fabric().lockedBytes += locked;
  fabric().live[kRegions]++;
  static_cast<Domain*>(pd)->users++;
  return region;
}

int ibv_dereg_mr(ibv_mr* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_dereg_mr")) return error;
  Region* region = static_cast<Region*>(freed);
  if (deviceOf(region->context)->isGone) return bury(freed, kRegions, EIO);
  if (region->windows > 0) return EINVAL;
  fabric().regions.erase(region->handle);
  fabric().lockedBytes -= region->lockedBytes;
  fabric().live[kRegions]--;
  static_cast<Domain*>(region->pd)->users--;
  delete region;
  return 0;
}

}  // extern "C"
