// One end of a ring test in a process of its own: ring_peer ROLE SEED AMOUNT LIMIT_MS. Descriptor 3 is the shared
// memory, descriptor 4 the doorbell. Prints one line of JSON.
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#include "roles.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  void* memory = mmap(nullptr, arena::kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
  if (memory == MAP_FAILED) return 2;
  auto seed = static_cast<uint32_t>(strtoul(argv[2], nullptr, 10));
  arena::Result result = arena::runRole(argv[1], static_cast<uint8_t*>(memory), seed, atof(argv[3]), atof(argv[4]), 4);
  printf("{\"isOk\":%s,\"problem\":\"%s\",", result.isOk ? "true" : "false", result.problem);
  printf("\"checksum\":%u,", result.checksum);
  printf("\"records\":%.0f,\"errors\":%.0f,\"sleeps\":%.0f,\"switches\":%.0f}\n", result.records, result.errors,
         result.sleeps, result.switches);
  return 0;
}
