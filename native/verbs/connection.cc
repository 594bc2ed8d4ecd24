#include "verbs/connection.h"

#include "verbs/connection_table.h"

namespace sanswitch::verbs {

void Connection::destroy(Connection* connection) {
  auto& table = ConnectionTable::instance();
  uint32_t handle = connection->handle;
  if (connection->queue != nullptr) {
    // No completion finds it any more; then the device lets go of it.
    connection->queue->leave(connection);
    api().rdma_destroy_qp(connection->id);
    connection->queue->giveBack(connection->queueRoom);
  } else {
    table.hide(handle);
  }
  if (connection->moved != nullptr) {
    for (const Moved::Receive& receive : connection->moved->receives) receive.ring->slotBack(receive.slot);
    for (const layout::VerbsCompletion& completion : connection->moved->held) {
      if (connection->shared != nullptr && completion.op == layout::VERBS_OP_RECEIVE) {
        connection->shared->repost(completion.cookie);
      }
    }
  }
  // Before the id, which may be the last thing that keeps the device's context.
  abi::rdma_cm_id* id = connection->id;
  delete connection;
  // If it can't be destroyed, its events are nobody's.
  id->context = nullptr;
  api().rdma_destroy_id(id);
  table.remove(handle);
}

}  // namespace sanswitch::verbs
