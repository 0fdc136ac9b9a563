// The store that a program of tests runs on. The same tests are built with a file, with etcd, and
// with the API server of the tests.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace monopod::testing {

class TestStore {
 public:
  TestStore() = default;
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;
  virtual ~TestStore() = default;

  virtual std::string Url() const = 0;
  // Who sees it, as monopod says it.
  virtual std::string Scope() const = 0;
  // What monopod needs beside the URL to get there.
  virtual std::vector<std::pair<std::string, std::string>> Environment() const { return {}; }
  virtual std::vector<std::string> Flags() const { return {}; }
  // What the test's lock is called there: others may use the store at the same time.
  virtual std::string LockName(const std::string& lock) const { return lock; }
  // The shortest TTL that it allows.
  virtual std::string ShortTtl() const { return "2s"; }
};

// A fresh one; `folder` is the test's own, and outlives it.
std::unique_ptr<TestStore> MakeTestStore(const TemporaryDirectory& folder);

}  // namespace monopod::testing
