// The loader of libibverbs and librdmacm: what it tries, what it finds missing, and that it says so.
#include "../../native/verbs/library.cc"

#include <stdlib.h>

#include <thread>

#include "check.h"

using namespace sanswitch::verbs;

namespace {

// What run.mjs has put into the environment.
const std::string& fakePath() {
  static const std::string path = getenv("SANSWITCH_LIBIBVERBS");
  return path;
}

Libraries loadWith(const std::string& verbsNames, const std::string& managerNames, Functions* functions) {
  fakePath();
  setenv("SANSWITCH_LIBIBVERBS", verbsNames.c_str(), 1);
  setenv("SANSWITCH_LIBRDMACM", managerNames.c_str(), 1);
  Libraries loaded = loadLibraries(functions);
  setenv("SANSWITCH_LIBIBVERBS", fakePath().c_str(), 1);
  setenv("SANSWITCH_LIBRDMACM", fakePath().c_str(), 1);
  return loaded;
}

bool has(const std::vector<std::string>& names, const char* name) {
  for (const std::string& one : names) {
    if (one == name) return true;
  }
  return false;
}

}  // namespace

TEST(complete, "both libraries with all functions load, and registered memory is safe from forks") {
  Functions functions;
  Libraries loaded = loadWith(fakePath(), fakePath(), &functions);
  CHECK(loaded.functions == &functions);
  CHECK(loaded.missing.empty() && loaded.absent.empty());
  CHECK(loaded.forkStatus == abi::IBV_FORK_ENABLED);
  CHECK(loaded.attempts.size() == 2 && loaded.attempts[0].error.empty() && loaded.attempts[1].error.empty());
  CHECK(loaded.attempts[0].name == fakePath());
}

TEST(names, "names are tried in order, and what failed is told with its reason") {
  Functions functions;
  Libraries loaded = loadWith("nowhere.so:" + fakePath() + ":not-tried.so", "::" + fakePath(), &functions);
  CHECK(loaded.functions != nullptr);
  CHECK(loaded.attempts.size() == 3);
  CHECK(loaded.attempts[0].name == "nowhere.so" && loaded.attempts[0].error.find("nowhere.so") != std::string::npos);
  CHECK(std::string(loaded.attempts[0].library) == "libibverbs");
  CHECK(std::string(loaded.attempts[2].library) == "librdmacm");
}

TEST(nothing, "a host without the libraries is told so, and nothing else happens") {
  Functions functions;
  Libraries loaded = loadWith("nowhere.so", "neither.so", &functions);
  CHECK(loaded.functions == nullptr);
  CHECK(loaded.attempts.size() == 2 && !loaded.attempts[0].error.empty() && !loaded.attempts[1].error.empty());
  CHECK(loaded.missing.empty());
  // One of the two is as good as none.
  loaded = loadWith(fakePath(), "neither.so", &functions);
  CHECK(loaded.functions == nullptr && functions.ibv_reg_mr != nullptr && functions.rdma_connect == nullptr);
}

TEST(usual, "an empty name stands for the usual ones") {
  Functions functions;
  Libraries loaded = loadWith("", "", &functions);
  CHECK(loaded.attempts[0].name == "libibverbs.so.1");
  bool isManagerTried = false;
  for (const LoadAttempt& one : loaded.attempts) isManagerTried = isManagerTried || one.name == "librdmacm.so.1";
  CHECK(isManagerTried);
  // Where the real ones are installed, they have all that is needed.
  CHECK(loaded.missing.empty());
}

TEST(missing, "a library that lacks a required function does not serve") {
  Functions functions;
  Libraries loaded = loadWith("libc.so.6", fakePath(), &functions);
  CHECK(loaded.functions == nullptr);
  CHECK(has(loaded.missing, "ibv_reg_mr") && !has(loaded.missing, "rdma_connect"));
}

TEST(absent, "optional functions may be absent") {
  std::string folder = fakePath().substr(0, fakePath().rfind('/'));
  std::string old = folder + "/fake-verbs-plain-FAKE_WITHOUT_OPTIONAL.so";
  Functions functions;
  Libraries loaded = loadWith(old, old, &functions);
  CHECK(loaded.functions == &functions);
  CHECK(loaded.missing.empty());
  CHECK(has(loaded.absent, "ibv_fork_init") && functions.ibv_fork_init == nullptr);
  CHECK(loaded.forkStatus == abi::IBV_FORK_DISABLED);
}

namespace {

int forkInits = 0;
abi::ibv_fork_status kernelsWord = abi::IBV_FORK_DISABLED;

Functions forkFunctions() {
  Functions functions = {};
  functions.ibv_fork_init = [] { return ++forkInits, 0; };
  functions.ibv_is_fork_initialized = [] {
    return kernelsWord == abi::IBV_FORK_DISABLED && forkInits > 0 ? abi::IBV_FORK_ENABLED : kernelsWord;
  };
  return functions;
}

}  // namespace

// What is kept out of a child is whole pages, and those of an application's buffer hold other things too.
TEST(copied, "where the kernel copies registered memory at a fork, nothing is kept out of children") {
  kernelsWord = abi::IBV_FORK_UNNEEDED;
  forkInits = 0;
  CHECK(protectForks(forkFunctions()) == abi::IBV_FORK_UNNEEDED && forkInits == 0);
  kernelsWord = abi::IBV_FORK_DISABLED;
  CHECK(protectForks(forkFunctions()) == abi::IBV_FORK_ENABLED && forkInits == 1);
}

TEST(once, "threads that ask at the same time get one account") {
  const Libraries* seen[4] = {};
  std::vector<std::thread> threads;
  for (const Libraries*& one : seen) threads.emplace_back([&one] { one = &libraries(); });
  for (std::thread& thread : threads) thread.join();
  for (const Libraries* one : seen) CHECK(one == seen[0]);
  CHECK(seen[0]->functions != nullptr);
}

TEST_MAIN()
