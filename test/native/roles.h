// What one end of a ring test does, by name; the same names and arguments as in test/fixtures/ring-roles.ts.
#pragma once

#include <cstring>

#include "garbage.h"
#include "litmus.h"

namespace arena {

// `amount`: records, milliseconds (garbage, survive) or sleeps (litmus), the last ended by `limit_ms` too. `fd`:
// litmus only.
inline Result runRole(const char* role, uint8_t* base, uint32_t seed, double amount, double limit_ms, int fd) {
  auto is = [role](const char* name) { return strcmp(role, name) == 0; };
  auto count = static_cast<uint64_t>(amount);
  if (is("produce")) return StreamProducer(base, seed).run(count);
  if (is("consume")) return StreamConsumer(base, seed).run(count);
  if (is("garbage-produce")) return garbageProduce(base, seed, count);
  if (is("garbage-consume")) return garbageConsume(base, seed, count);
  if (is("survive-produce")) return surviveProduce(base, seed, count);
  if (is("survive-consume")) return surviveConsume(base, seed, count);
  if (is("litmus-0")) return Litmus(base, 0, seed, fd).run(count, limit_ms);
  if (is("litmus-1")) return Litmus(base, 1, seed, fd).run(count, limit_ms);
  Result unknown;
  return unknown.fail("unknown role");
}

}  // namespace arena
