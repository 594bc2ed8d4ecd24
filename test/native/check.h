// A test program is a list of TEST(name) { ... CHECK(condition) ... }; it prints `ok NAME` or `not ok NAME` for each
// and exits with 1 if one failed. Arguments: nothing, or parts of the names to run.
#pragma once

#include <cstdio>
#include <cstring>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

inline void failed(const char* file, int line, const char* text) {
  // One broken loop must not fill the screen.
  if (failures()++ < 10) fprintf(stderr, "%s:%d: %s does not hold\n", file, line, text);
}

inline int runAll(int argc, char** argv) {
  bool isBad = false;
  for (const Case& one : cases()) {
    bool isWanted = argc < 2;
    for (int i = 1; i < argc; i++) isWanted = isWanted || strstr(one.name, argv[i]) != nullptr;
    if (!isWanted) continue;
    failures() = 0;
    one.run();
    printf("%s %s\n", failures() == 0 ? "ok" : "not ok", one.name);
    fflush(stdout);
    isBad = isBad || failures() != 0;
  }
  return isBad ? 1 : 0;
}

}  // namespace check

#define CHECK(condition) \
  do { \
    if (!(condition)) check::failed(__FILE__, __LINE__, #condition); \
  } while (false)

// Names a test by a string: TEST(wraps, "a record never crosses the end") { ... }
#define TEST(id, name) \
  static void test_##id(); \
  static check::Register register_##id(name, test_##id); \
  static void test_##id()

#define TEST_MAIN() \
  int main(int argc, char** argv) { return check::runAll(argc, argv); }
