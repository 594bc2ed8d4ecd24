// What the allocator does with freed memory while buffers are made and freed in bulk.
#pragma once

#include <cstdint>

namespace sanswitch {

// One environment's wish that glibc keeps freed blocks of up to 4 MiB for reuse instead of giving them back to the
// system at once. Buffers that the garbage collector frees in bulk are otherwise unmapped, mapped, zeroed and faulted
// in again, which costs three times the copy into them. The allocator is the process's: memory is kept while any
// environment wishes it, and given back (malloc_trim) with the last wish. Without glibc nothing happens.
class FreedMemory {
 public:
  FreedMemory() = default;
  ~FreedMemory() { keep(false); }
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;

  // States the wish or takes it back. The latter may take some milliseconds.
  void keep(bool wished);

 private:
  bool wished_ = false;
};

}  // namespace sanswitch
