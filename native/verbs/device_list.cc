#include "verbs/device_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <memory>

#include "verbs/device.h"

namespace sanswitch::verbs {

namespace {

const char* linkLayerOf(uint8_t linkLayer) {
  if (linkLayer == abi::IBV_LINK_LAYER_ETHERNET) return "Ethernet";
  // Unspecified is what InfiniBand devices said before there was another.
  return linkLayer == abi::IBV_LINK_LAYER_INFINIBAND || linkLayer == abi::IBV_LINK_LAYER_UNSPECIFIED ? "InfiniBand"
                                                                                                    : "unknown";
}

const char* transportOf(abi::ibv_transport_type transport) {
  if (transport == abi::IBV_TRANSPORT_IB) return "InfiniBand";
  return transport == abi::IBV_TRANSPORT_IWARP ? "iWARP" : "unknown";
}

// A text in a field of fixed size, which it may fill.
std::string fieldText(const char* field, size_t size) { return std::string(field, strnlen(field, size)); }

// Asks a device that is open. Empty, or which question failed and how.
std::string describe(const Functions& functions, abi::ibv_context* context, DeviceFacts* device) {
  abi::ibv_device_attr attributes{};
  int error = queryDevice(context, &attributes);
  if (error != 0) return std::string("ibv_query_device: ") + strerror(error);
  device->firmware = fieldText(attributes.fw_ver, sizeof attributes.fw_ver);
  device->vendorId = attributes.vendor_id;
  device->maxQueuePairs = attributes.max_qp;
  device->maxQueueDepth = attributes.max_qp_wr;
  device->maxCompletions = attributes.max_cqe;
  device->maxRegions = attributes.max_mr;
  device->maxWindows = attributes.max_mw;
  device->maxReadDepth = attributes.max_qp_rd_atom;
  device->maxSharedReceives = attributes.max_srq > 0 ? attributes.max_srq_wr : 0;
  unsigned int windows = abi::IBV_DEVICE_MEM_WINDOW_TYPE_2A | abi::IBV_DEVICE_MEM_WINDOW_TYPE_2B;
  device->hasWindows = (attributes.device_cap_flags & windows) != 0;
  for (uint8_t port = 1; port <= attributes.phys_port_cnt && port != 0; port++) {
    abi::ibv_port_attr state{};
    error = functions.ibv_query_port(context, port, &state);
    if (error != 0) return "ibv_query_port " + std::to_string(port) + ": " + strerror(error);
    bool isMtu = state.active_mtu >= abi::IBV_MTU_256 && state.active_mtu <= abi::IBV_MTU_4096;
    device->ports.push_back({port, static_cast<int>(state.state), linkLayerOf(state.link_layer),
                             isMtu ? 128 << state.active_mtu : 0, state.gid_tbl_len});
  }
  return "";
}

std::string guidText(uint64_t guid) {
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(__builtin_bswap64(guid)));
  return text;
}

DeviceFacts factsOf(const Functions& functions, abi::ibv_device* device) {
  DeviceFacts facts;
  facts.name = fieldText(device->name, sizeof device->name);
  facts.transport = transportOf(device->transport_type);
  facts.guid = guidText(functions.ibv_get_device_guid(device));
  errno = 0;
  // Closed also when memory is short and an exception leaves this function.
  std::unique_ptr<abi::ibv_context, int (*)(abi::ibv_context*)> context(functions.ibv_open_device(device),
                                                                      functions.ibv_close_device);
  facts.error = context == nullptr ? std::string("ibv_open_device: ") + strerror(errno == 0 ? EIO : errno)
                                   : describe(functions, context.get(), &facts);
  return facts;
}

}  // namespace

int listDevices(const Functions& functions, std::vector<DeviceFacts>* out) {
  int count = 0;
  errno = 0;
  std::unique_ptr<abi::ibv_device*, void (*)(abi::ibv_device**)> list(functions.ibv_get_device_list(&count),
                                                                     functions.ibv_free_device_list);
  // That of a kernel without RDMA: it has no devices.
  if (list == nullptr && errno == ENOSYS) return 0;
  if (list == nullptr) return -(errno == 0 ? EIO : errno);
  for (int i = 0; i < count; i++) out->push_back(factsOf(functions, list.get()[i]));
  return 0;
}

}  // namespace sanswitch::verbs
