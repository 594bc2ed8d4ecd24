// The RDMA devices that the libraries show, and what they say of themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verbs/library.h"

namespace sanswitch::verbs {

// One port of a device.
struct PortFacts {
  uint8_t port;
  // ibv_port_state.
  int state;
  const char* linkLayer;
  // Bytes; 0: what the device says is none.
  int activeMtu;
  int gidCount;
};

// One device. What it could not be asked is 0, or empty.
struct DeviceFacts {
  std::string name;
  const char* transport = "unknown";
  std::string guid;
  std::string firmware;
  uint32_t vendorId = 0;
  int maxQueuePairs = 0;
  int maxQueueDepth = 0;
  int maxCompletions = 0;
  int maxRegions = 0;
  int maxWindows = 0;
  int maxReadDepth = 0;
  int maxSharedReceives = 0;
  bool hasWindows = false;
  std::vector<PortFacts> ports;
  // Which question failed and how; empty: none did.
  std::string error;
};

// Opens each device and asks it. 0 or -errno; may throw std::bad_alloc, with nothing left open.
int listDevices(const Functions& functions, std::vector<DeviceFacts>* out);

}  // namespace sanswitch::verbs
