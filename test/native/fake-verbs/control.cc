// The commands by which a test makes the fabric fail.
#include "control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iterator>
#include <sstream>

#include "fabric.h"

namespace fake {

namespace {

// A fault that waits for its turn.
struct Fault {
  std::string name;
  int64_t countdown;
  int value;
  // From its turn on it is always its turn.
  bool isLasting;
};

struct Faults {
  std::vector<Fault> calls;
  std::vector<Fault> statuses;
  std::map<std::string, int64_t> counts;
};

Faults& faults() {
  static Faults* all = new Faults;
  return *all;
}

// Counts down what has this name; the value of the first that is due, or 0.
int takeDue(std::vector<Fault>* all, const char* name) {
  int value = 0;
  for (auto fault = all->begin(); fault != all->end();) {
    bool isMeant = fault->name == name || fault->name == "any";
    if (!isMeant || --fault->countdown > 0) {
      ++fault;
      continue;
    }
    if (value == 0) value = fault->value;
    fault = fault->isLasting ? std::next(fault) : all->erase(fault);
  }
  return value;
}

void setDefaults(Device* device) {
  device->node_type = IBV_NODE_CA;
  device->transport_type = IBV_TRANSPORT_IB;
  device->maxInline = 256;
  device->attr.max_mr_size = SIZE_MAX;
  device->attr.page_size_cap = 0xfffff000;
  device->attr.max_qp = 1 << 16;
  device->attr.max_qp_wr = 1 << 14;
  device->attr.device_cap_flags = IBV_DEVICE_SHUTDOWN_PORT | IBV_DEVICE_PORT_ACTIVE_EVENT | IBV_DEVICE_RC_RNR_NAK_GEN |
                                  IBV_DEVICE_N_NOTIFY_CQ | IBV_DEVICE_MEM_WINDOW | IBV_DEVICE_MEM_MGT_EXTENSIONS |
                                  IBV_DEVICE_MEM_WINDOW_TYPE_2B;
  device->attr.max_sge = 16;
  device->attr.max_cq = 1 << 16;
  device->attr.max_cqe = (1 << 15) - 1;
  device->attr.max_mr = 1 << 19;
  device->attr.max_pd = 1 << 15;
  device->attr.max_qp_rd_atom = 128;
  device->attr.max_qp_init_rd_atom = 128;
  device->attr.max_mw = 1 << 19;
  device->attr.max_srq = 1 << 15;
  device->attr.max_srq_wr = 1 << 15;
  device->attr.max_srq_sge = 16;
  device->attr.max_pkeys = 1;
  device->attr.phys_port_cnt = 1;
  device->port.state = IBV_PORT_ACTIVE;
  device->port.max_mtu = IBV_MTU_4096;
  device->port.active_mtu = IBV_MTU_1024;
  device->port.gid_tbl_len = 16;
  device->port.max_msg_sz = 1u << 30;
  device->port.pkey_tbl_len = 1;
  device->port.phys_state = 5;
  device->port.link_layer = IBV_LINK_LAYER_ETHERNET;
}

int64_t addDevice(Fabric* to, const std::string& name, const std::string& netdev, const std::string& subnets) {
  Device* device = new Device;
  memset(static_cast<ibv_device*>(device), 0, sizeof(ibv_device));
  setDefaults(device);
  size_t number = to->devices.size();
  device->netdev = netdev;
  device->guid = device->attr.node_guid = device->attr.sys_image_guid = htonl(static_cast<uint32_t>(number + 1));
  snprintf(device->name, sizeof device->name, "%s", name.c_str());
  snprintf(device->dev_name, sizeof device->dev_name, "uverbs%zu", number);
  snprintf(device->dev_path, sizeof device->dev_path, "/sys/class/infiniband_verbs/uverbs%zu", number);
  snprintf(device->ibdev_path, sizeof device->ibdev_path, "/sys/class/infiniband/%s", name.c_str());
  std::stringstream list(subnets);
  for (std::string text; std::getline(list, text, ',');) {
    Subnet subnet;
    if (!parseSubnet(text, &subnet)) {
      delete device;
      return -EINVAL;
    }
    device->subnets.push_back(subnet);
  }
  to->devices.push_back(device);
  return 0;
}

// The device of that name, or the first one, that is there.
Device* findDevice(const std::string& name) {
  for (Device* device : fabric().devices) {
    if (!device->isGone && (name.empty() || name == device->name)) return device;
  }
  return nullptr;
}

int64_t setLimit(const std::string& what, int number, Device* device) {
  const struct {
    const char* name;
    int* target;
  } limits[] = {
      {"qp", &device->attr.max_qp},   {"qp_wr", &device->attr.max_qp_wr},   {"sge", &device->attr.max_sge},
      {"cq", &device->attr.max_cq},   {"cqe", &device->attr.max_cqe},       {"mr", &device->attr.max_mr},
      {"mw", &device->attr.max_mw},   {"srq", &device->attr.max_srq},       {"srq_wr", &device->attr.max_srq_wr},
  };
  for (const auto& limit : limits) {
    if (what != limit.name) continue;
    *limit.target = number;
    return 0;
  }
  if (what == "inline") {
    device->maxInline = static_cast<uint32_t>(number);
  } else if (what == "reads") {
    device->attr.max_qp_rd_atom = device->attr.max_qp_init_rd_atom = number;
  } else if (what == "message") {
    device->port.max_msg_sz = static_cast<uint32_t>(number);
  } else {
    return -EINVAL;
  }
  return 0;
}

int64_t setWithout(const std::string& what, Device* device) {
  if (what == "srq" || what == "inline" || what == "read") return setLimit(what == "read" ? "reads" : what, 0, device);
  if (what != "windows") return -EINVAL;
  device->attr.device_cap_flags &= ~static_cast<unsigned>(
      IBV_DEVICE_MEM_WINDOW | IBV_DEVICE_MEM_WINDOW_TYPE_2A | IBV_DEVICE_MEM_WINDOW_TYPE_2B);
  return 0;
}

void resumeAll() {
  std::vector<uint32_t> numbers;
  for (auto& entry : fabric().pairs) numbers.push_back(entry.first);
  for (uint32_t number : numbers) {
    auto found = fabric().pairs.find(number);
    if (found != fabric().pairs.end()) resume(found->second);
  }
}

// Lets go what was held back in a stage; "" stands for all.
void releaseStage(const std::string& stage) {
  Fabric& all = fabric();
  if (stage.empty()) all.heldStages.clear();
  all.heldStages.erase(stage);
  std::deque<Held> kept;
  std::deque<Held> going;
  for (Held& held : all.held) (stage.empty() || held.stage == stage ? going : kept).push_back(std::move(held));
  all.held.swap(kept);
  for (Held& held : going) held.deliver();
  resumeAll();
}

void reset() {
  Fabric& all = fabric();
  faults().calls.clear();
  faults().statuses.clear();
  faults().counts.clear();
  all.memlockBytes = SIZE_MAX;
  all.isCut = false;
  all.connectTimeoutMs = 2000;
  all.silent.clear();
  for (Device* device : all.devices) {
    if (!device->isGone) setDefaults(device);
  }
  releaseStage("");
}

int64_t raiseEvent(std::istringstream* words, int type) {
  std::string target;
  int number = 1;
  *words >> target >> number;
  ibv_event_type event = static_cast<ibv_event_type>(type);
  if (target != "qp" && target != "cq" && target != "srq") {
    Device* device = findDevice(target);
    if (device == nullptr) return -EINVAL;
    bool isDown = event == IBV_EVENT_PORT_ERR || event == IBV_EVENT_DEVICE_FATAL;
    if (isDown) device->port.state = IBV_PORT_DOWN;
    if (event == IBV_EVENT_PORT_ACTIVE) device->port.state = IBV_PORT_ACTIVE;
    raise(device, event, number);
    return 0;
  }
  auto found = fabric().pairs.find(static_cast<uint32_t>(number));
  if (found == fabric().pairs.end()) return -EINVAL;
  QueuePair* qp = found->second;
  if (target == "qp") {
    raise(qp, event);
  } else if (target == "cq") {
    raise(static_cast<CompletionQueue*>(qp->recv_cq), event);
  } else {
    if (qp->srq == nullptr) return -EINVAL;
    raise(static_cast<SharedReceives*>(qp->srq), event);
  }
  return 0;
}

int64_t removeDevice(const std::string& name) {
  Device* device = findDevice(name);
  if (device == nullptr) return -EINVAL;
  device->isGone = true;
  device->port.state = IBV_PORT_DOWN;
  // The kernel takes the queue pairs away without a completion.
  for (auto& entry : fabric().pairs) {
    if (deviceOf(entry.second->context) != device) continue;
    stopTimer(entry.second->timer);
    entry.second->timer = 0;
  }
  raise(device, IBV_EVENT_DEVICE_FATAL, 0);
  removeIdsOf(device);
  return 0;
}

int64_t countLive(const std::string& kind) {
  const char* names[kKinds] = {"context", "pd", "mr", "mw", "channel", "cq", "srq", "qp", "events", "id"};
  int64_t all = 0;
  for (int i = 0; i < kKinds; i++) {
    if (kind == names[i]) return fabric().live[i];
    // Contexts are librdmacm's, which keeps them.
    if (i != kContexts) all += fabric().live[i];
  }
  return kind.empty() ? all : -EINVAL;
}

// What failed calls have left is nobody's.
void forgetAll() {
  Fabric& all = fabric();
  for (int& count : all.live) count = 0;
  for (auto& entry : all.ids) {
    entry.second->ownsPort = false;
    if (entry.second->state == IdState::Listening) entry.second->state = IdState::Idle;
  }
}

int64_t breakPair(uint32_t number) {
  auto found = fabric().pairs.find(number);
  if (found == fabric().pairs.end()) return -EINVAL;
  raise(found->second, IBV_EVENT_QP_FATAL);
  enterError(found->second);
  return 0;
}

// Commands about a device: what is there, and what it can do.
int64_t executeDevice(const std::string& verb, std::istringstream* words) {
  std::string first;
  std::string second;
  *words >> first >> second;
  if (verb == "without") {
    Device* device = findDevice(second);
    return device == nullptr ? -EINVAL : setWithout(first, device);
  }
  if (verb == "limit") {
    std::string name;
    *words >> name;
    Device* device = findDevice(name);
    return device == nullptr ? -EINVAL : setLimit(first, atoi(second.c_str()), device);
  }
  if (verb == "iwarp") {
    Device* device = findDevice(first);
    if (device == nullptr) return -EINVAL;
    device->node_type = IBV_NODE_RNIC;
    device->transport_type = IBV_TRANSPORT_IWARP;
    return 0;
  }
  if (verb == "remove") return removeDevice(first);
  if (verb == "break") return breakPair(static_cast<uint32_t>(atoi(first.c_str())));
  if (verb == "live") return countLive(first);
  if (verb == "last") return fabric().nextPair - 1;
  if (verb == "forget") {
    forgetAll();
    return 0;
  }
  return -EINVAL;
}

int64_t executeFault(const std::string& verb, std::istringstream* words) {
  std::string name;
  int64_t number = 0;
  int value = EIO;
  std::string always;
  *words >> name >> number;
  if (verb == "calls") return faults().counts[name];
  *words >> value >> always;
  if (number < 1 || (!always.empty() && always != "always")) return -EINVAL;
  (verb == "fail" ? faults().calls : faults().statuses).push_back({name, number, value, !always.empty()});
  return 0;
}

int64_t executeNetwork(const std::string& verb, std::istringstream* words) {
  std::string what;
  *words >> what;
  Fabric& all = fabric();
  if (verb == "hold") {
    all.heldStages.insert(what);
  } else if (verb == "release") {
    releaseStage(what);
  } else if (verb == "cut") {
    all.isCut = true;
  } else if (verb == "mend") {
    all.isCut = false;
    resumeAll();
  } else if (verb == "silent") {
    Subnet subnet;
    if (!parseSubnet(what, &subnet)) return -EINVAL;
    all.silent.push_back(subnet);
  } else if (verb == "timeout") {
    all.connectTimeoutMs = static_cast<unsigned>(atoi(what.c_str()));
  } else if (verb == "memlock") {
    all.memlockBytes = static_cast<size_t>(atoll(what.c_str()));
  } else {
    return -EINVAL;
  }
  return 0;
}

int64_t execute(const std::string& command) {
  std::istringstream words(command);
  std::string verb;
  words >> verb;
  if (verb == "device") {
    std::string name;
    std::string netdev;
    std::string subnets;
    words >> name >> netdev >> subnets;
    return addDevice(&fabric(), name, netdev, subnets);
  }
  if (verb == "reset") {
    reset();
    return 0;
  }
  if (verb == "event") {
    int type = 0;
    words >> type;
    return raiseEvent(&words, type);
  }
  if (verb == "fail" || verb == "status" || verb == "calls") return executeFault(verb, &words);
  int64_t result = executeNetwork(verb, &words);
  if (result != -EINVAL) return result;
  std::istringstream again(command);
  again >> verb;
  return executeDevice(verb, &again);
}

// Takes the commands in the environment when the library is loaded. What is wrong there ends the process: no test may
// run on something else than it asks for.
__attribute__((constructor)) void configure() {
  const char* given = getenv("SANSWITCH_FAKE_VERBS");
  std::stringstream list(given == nullptr ? "" : given);
  Lock lock(fabric().mutex);
  std::vector<std::string> commands;
  for (std::string command; std::getline(list, command, ';');) commands.push_back(command);
  bool hasDevice = false;
  for (const std::string& command : commands) hasDevice = hasDevice || command.find("device ") != std::string::npos;
  if (!hasDevice) commands.insert(commands.begin(), "device fake0 lo 127.0.0.1/8,::1/128");
  for (const std::string& command : commands) {
    if (command.find_first_not_of(' ') == std::string::npos || execute(command) >= 0) continue;
    fprintf(stderr, "fake-verbs: SANSWITCH_FAKE_VERBS has no such command: %s\n", command.c_str());
    abort();
  }
}

}  // namespace

int intercept(const char* function) {
  faults().counts[function]++;
  return takeDue(&faults().calls, function);
}

ibv_wc_status injectedStatus(const char* operation) {
  return static_cast<ibv_wc_status>(takeDue(&faults().statuses, operation));
}

void deliver(const char* stage, std::function<void()> action) {
  if (fabric().heldStages.count(stage) == 0) {
    action();
  } else {
    fabric().held.push_back({stage, std::move(action)});
  }
}

}  // namespace fake

int64_t fake_verbs_control(const char* command) {
  fake::Lock lock(fake::fabric().mutex);
  return fake::execute(command);
}
