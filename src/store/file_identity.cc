#include "src/store/file_identity.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace monopod::store {
namespace {

tl::unexpected<Error> Replaced(const std::string& path, std::string_view what) {
  return Fail(ErrorCode::kStoreReplaced,
              fmt::format("{} {} since it was opened, so that it no longer protects anything; "
                          "open the store again",
                          path, what));
}

}  // namespace

Result<StoreFiles> StoreFiles::Capture(StorePaths paths) {
  StoreFiles files(std::move(paths));
  auto identities = files.Look();
  if (!identities) return Fail(std::move(identities).error());
  files.opened_ = *identities;
  return files;
}

Result<void> StoreFiles::CheckSame() const {
  const auto now = Look();
  if (!now) return Fail(now.error());
  if ((*now)[0] != opened_[0]) return Replaced(paths_.database, "was replaced");
  if ((*now)[1] != opened_[1]) return Replaced(paths_.wal, "was replaced");
  if ((*now)[2] != opened_[2]) return Replaced(paths_.shared_memory, "was replaced");
  return {};
}

Result<StoreFiles::Identities> StoreFiles::Look() const {
  Identities identities{};
  std::size_t index = 0;
  for (const std::string* path : {&paths_.database, &paths_.wal, &paths_.shared_memory}) {
    struct stat status{};
    if (stat(path->c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return Replaced(*path, "was removed");
      const ErrorCode code = errno == EACCES ? ErrorCode::kDenied : ErrorCode::kUnavailable;
      return Fail(code, fmt::format("cannot look at {}: {}", *path, strerror(errno)));
    }
    identities[index++] = {.device = status.st_dev, .inode = status.st_ino};
  }
  return identities;
}

}  // namespace monopod::store
