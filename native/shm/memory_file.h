// Files that exist in memory alone.
#pragma once

namespace sanswitch {

// Makes an empty memfd that can be sealed, not executable where the kernel knows how to say that. Its name is what
// links in /proc/PID/fd show. Returns the descriptor or -errno.
int createSealable(const char* name);

}  // namespace sanswitch
