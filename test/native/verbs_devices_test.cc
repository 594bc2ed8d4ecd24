// The list of RDMA devices, over the fake libraries.
#include "../../native/verbs/device.cc"
#include "../../native/verbs/device_list.cc"
#include "../../native/verbs/library.cc"

#include <map>

#include "verbs_fixture.h"

using namespace fixture;

namespace {

std::vector<DeviceFacts> devices() {
  std::vector<DeviceFacts> list;
  CHECK(listDevices(verbs(), &list) == 0);
  return list;
}

// Whether a context was left open by what ran.
struct NothingOpen {
  const int64_t before = control("live context");
  ~NothingOpen() { CHECK(control("live context") == before); }
};

}  // namespace

TEST(facts, "a device is told with all that it can do, and its ports") {
  NothingOpen nothing;
  CHECK(devices().size() == 1);
  DeviceFacts device = devices()[0];
  CHECK(device.name == "fake0" && device.error.empty());
  CHECK(std::string(device.transport) == "InfiniBand");
  CHECK(device.guid.size() == 16 && device.guid.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(device.maxQueuePairs > 0 && device.maxQueueDepth > 0 && device.maxCompletions > 0 && device.maxRegions > 0);
  CHECK(device.hasWindows && device.maxWindows > 0 && device.maxSharedReceives > 0 && device.maxReadDepth > 0);
  CHECK(device.ports.size() == 1);
  const PortFacts& port = device.ports[0];
  CHECK(port.port == 1 && port.state == IBV_PORT_ACTIVE && port.activeMtu == 1024 && port.gidCount == 16);
  CHECK(std::string(port.linkLayer) == "Ethernet");
}

TEST(poor, "a device that can do less, and one of another kind, beside it") {
  NothingOpen nothing;
  CHECK(control("device poor lo 10.0.0.0/8") == 0);
  CHECK(control("without windows poor") == 0 && control("without srq poor") == 0);
  CHECK(control("device ward lo 10.0.0.0/8") == 0 && control("iwarp ward") == 0);
  std::map<std::string, DeviceFacts> found;
  for (const DeviceFacts& device : devices()) found[device.name] = device;
  CHECK(found.size() == 3);
  CHECK(!found["poor"].hasWindows && found["poor"].maxSharedReceives == 0 && found["poor"].maxReadDepth > 0);
  CHECK(std::string(found["ward"].transport) == "iWARP" && found["ward"].maxReadDepth == 0);
  CHECK(control("remove poor") == 0 && control("remove ward") == 0);
  CHECK(devices().size() == 1);
}

TEST(longest, "a name that fills its field is told whole") {
  NothingOpen nothing;
  std::string name(IBV_SYSFS_NAME_MAX - 1, 'n');
  CHECK(control("device " + name + " lo 10.0.0.0/8") == 0);
  CHECK(devices().back().name == name);
  CHECK(control("remove " + name) == 0);
}

TEST(failures, "what a device can't be asked is said, and the device is closed again") {
  NothingOpen nothing;
  const char* questions[] = {"ibv_open_device", "ibv_query_device", "ibv_query_port"};
  for (const char* question : questions) {
    CHECK(control(std::string("fail ") + question + " 1 13") == 0);
    DeviceFacts device = devices()[0];
    CHECK(device.name == "fake0");
    CHECK(device.error.find(question) == 0 && device.error.find("Permission denied") != std::string::npos);
    CHECK(devices()[0].error.empty());
  }
}

TEST(list, "no list is an error, but for a kernel without RDMA, which has no devices") {
  std::vector<DeviceFacts> list;
  CHECK(control("fail ibv_get_device_list 1 12") == 0);
  CHECK(listDevices(verbs(), &list) == -ENOMEM && list.empty());
  CHECK(control("fail ibv_get_device_list 1 38") == 0);
  CHECK(listDevices(verbs(), &list) == 0 && list.empty());
}

TEST_MAIN()
