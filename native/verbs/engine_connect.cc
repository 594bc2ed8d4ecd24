// Engine: listening, and the steps of a connection from its address to its end.
#include <errno.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "tcp/address.h"
#include "verbs/device_use.h"
#include "verbs/engine.h"

namespace sanswitch::verbs {

namespace {

int setOption(abi::rdma_cm_id* id, int name, void* value, size_t bytes) {
  return api().rdma_set_option(id, abi::RDMA_OPTION_ID, name, value, bytes) == 0 ? 0 : lastFailure();
}

// Local ports are the program's to share, as those of TCP sockets that connect to different places.
int setReuse(abi::rdma_cm_id* id) {
  int on = 1;
  return setOption(id, abi::RDMA_OPTION_ID_REUSEADDR, &on, sizeof on);
}

int setAckTimeout(abi::rdma_cm_id* id, uint8_t exponent) {
  int error = setOption(id, abi::RDMA_OPTION_ID_ACK_TIMEOUT, &exponent, sizeof exponent);
  // Kernels before 5.3 have their own timeout, of several seconds.
  return error == -ENOSYS || error == -EINVAL ? 0 : error;
}

}  // namespace

int Engine::listen(int family, const std::string& address, uint16_t port, int backlog, bool v6only) {
  SocketAddress place;
  if (parseAddress(address, port, family, &place) == 0) return -EINVAL;
  // Room first.
  uint32_t handle = listeners_.add(Listener{});
  if (handle == 0) return -ENOBUFS;
  abi::rdma_cm_id* id = nullptr;
  // Its context tells its events from those of connections.
  if (api().rdma_create_id(channel_->get(), &id, nullptr, abi::RDMA_PS_TCP) != 0) {
    int error = lastFailure();
    listeners_.remove(handle);
    return error;
  }
  int error = 0;
  int only = v6only ? 1 : 0;
  if (family == AF_INET6) error = setOption(id, abi::RDMA_OPTION_ID_AFONLY, &only, sizeof only);
  if (error == 0 && api().rdma_bind_addr(id, &place.any) != 0) error = lastFailure();
  if (error == 0 && api().rdma_listen(id, backlog) != 0) error = lastFailure();
  if (error < 0) {
    api().rdma_destroy_id(id);
    listeners_.remove(handle);
    return error;
  }
  listeners_.find(handle)->id = id;
  return static_cast<int>(handle);
}

int Engine::listenerPort(uint32_t handle) {
  Listener* listener = listeners_.find(handle);
  if (listener == nullptr) return -ENOTCONN;
  const abi::rdma_addr& address = listener->id->route.addr;
  return ntohs(address.src_addr.sa_family == AF_INET ? address.src_sin.sin_port : address.src_sin6.sin6_port);
}

int Engine::unlisten(uint32_t handle) {
  Listener* listener = listeners_.find(handle);
  if (listener == nullptr) return -ENOTCONN;
  api().rdma_destroy_id(listener->id);
  listeners_.remove(handle);
  return 0;
}

int Engine::resolve(int family, const std::string& sourceText, uint16_t sourcePort, const std::string& destination,
                    uint16_t destinationPort, int timeoutMs) {
  SocketAddress from, to;
  if (parseAddress(destination, destinationPort, family, &to) == 0) return -EINVAL;
  bool hasSource = !sourceText.empty();
  if (hasSource && parseAddress(sourceText, sourcePort, family, &from) == 0) return -EINVAL;
  connections_.reserve(connections_.size() + 1);
  auto made = std::make_unique<Connection>();
  made->handle = ConnectionTable::instance().add(made.get(), this);
  if (made->handle == 0) return -ENOBUFS;
  if (api().rdma_create_id(channel_->get(), &made->id, made.get(), abi::RDMA_PS_TCP) != 0) {
    int error = lastFailure();
    ConnectionTable::instance().hide(made->handle);
    ConnectionTable::instance().remove(made->handle);
    return error;
  }
  connections_.push_back(made.get());
  Connection* connection = made.release();
  int error = setAckTimeout(connection->id, options_.ackTimeout);
  if (error == 0 && hasSource && sourcePort != 0) error = setReuse(connection->id);
  sockaddr* source = hasSource ? &from.any : nullptr;
  if (error == 0 && api().rdma_resolve_addr(connection->id, source, &to.any, timeoutMs) != 0) error = lastFailure();
  if (error == 0) return static_cast<int>(connection->handle);
  release(connection);
  return error;
}

int Engine::resolveRoute(uint32_t handle, int timeoutMs) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  return api().rdma_resolve_route(connection->id, timeoutMs) == 0 ? 0 : lastFailure();
}

int Engine::deviceOf(uint32_t handle, std::shared_ptr<Device>* device, uint8_t* port) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  int error = 0;
  if (useOf(connection, &error) == nullptr) return error;
  *device = connection->device;
  *port = connection->id->port_num;
  return 0;
}

int Engine::useChunk(uint32_t handle, uint32_t chunk) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  int error = 0;
  DeviceUse* use = useOf(connection, &error);
  return use == nullptr ? error : use->arena()->use(chunk);
}

int Engine::connect(uint32_t handle, const uint8_t* privateData, size_t privateBytes) {
  Connection* connection = find(handle);
  if (connection == nullptr || connection->queue == nullptr) return -ENOTCONN;
  if (privateBytes > abi::RDMA_CONNECT_PRIVATE_BYTES) return -EMSGSIZE;
  abi::rdma_conn_param parameters{};
  parameters.private_data = privateData;
  parameters.private_data_len = static_cast<uint8_t>(privateBytes);
  parameters.responder_resources = connection->readsIn;
  parameters.initiator_depth = connection->readsOut;
  parameters.flow_control = 1;
  parameters.retry_count = options_.retryCount;
  parameters.rnr_retry_count = options_.rnrRetryCount;
  return api().rdma_connect(connection->id, &parameters) == 0 ? 0 : lastFailure();
}

int Engine::accept(uint32_t handle, const uint8_t* privateData, size_t privateBytes) {
  Connection* connection = find(handle);
  if (connection == nullptr || connection->queue == nullptr || !connection->isRequest) return -ENOTCONN;
  if (privateBytes > abi::RDMA_ACCEPT_PRIVATE_BYTES) return -EMSGSIZE;
  int error = setAckTimeout(connection->id, options_.ackTimeout);
  if (error < 0) return error;
  abi::rdma_conn_param parameters{};
  parameters.private_data = privateData;
  parameters.private_data_len = static_cast<uint8_t>(privateBytes);
  parameters.responder_resources = connection->readsIn;
  parameters.initiator_depth = connection->readsOut;
  parameters.flow_control = 1;
  parameters.rnr_retry_count = options_.rnrRetryCount;
  return api().rdma_accept(connection->id, &parameters) == 0 ? 0 : lastFailure();
}

int Engine::reject(uint32_t handle, const uint8_t* privateData, size_t privateBytes) {
  Connection* connection = find(handle);
  if (connection == nullptr || !connection->isRequest) return -ENOTCONN;
  if (privateBytes > abi::RDMA_REJECT_PRIVATE_BYTES) return -EMSGSIZE;
  int rejected = api().rdma_reject(connection->id, privateData, static_cast<uint8_t>(privateBytes));
  int error = rejected == 0 ? 0 : lastFailure();
  release(connection);
  return error;
}

int Engine::disconnect(uint32_t handle) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  return api().rdma_disconnect(connection->id) == 0 ? 0 : lastFailure();
}

int Engine::destroy(uint32_t handle) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  release(connection);
  return 0;
}

}  // namespace sanswitch::verbs
