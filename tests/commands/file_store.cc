#include "tests/commands/test_store.h"

namespace monopod::testing {
namespace {

class FileStore : public TestStore {
 public:
  explicit FileStore(std::string path) : path_(std::move(path)) {}
  std::string Url() const override { return "sqlite:" + path_; }
  std::string Scope() const override { return "this machine only"; }

 private:
  const std::string path_;
};

}  // namespace

std::unique_ptr<TestStore> MakeTestStore(const TemporaryDirectory& folder) {
  return std::make_unique<FileStore>(folder.File("locks.db"));
}

}  // namespace monopod::testing
