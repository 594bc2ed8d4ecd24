// Memory that JavaScript has registered, and the windows through which peers reach parts of it.
#pragma once

#include <cstdint>
#include <memory>

#include "verbs/device.h"

namespace sanswitch::verbs {

// A registration. The memory is JavaScript's, which keeps it where it is.
struct Region {
  std::shared_ptr<Device> device;
  abi::ibv_mr* mr = nullptr;
};

// A memory window of type 2.
struct Window {
  // The connection that it is for.
  uint32_t connection = 0;
  abi::ibv_mw* mw = nullptr;
  // The remote key of the last bind, from which the next one follows.
  uint32_t key = 0;
  bool isBound = false;
};

}  // namespace sanswitch::verbs
