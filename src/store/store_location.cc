#include "src/store/store_location.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "src/store/file_system.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> Invalid(const fs::path& path, std::string_view why) {
  return Fail(ErrorCode::kInvalidArgument, fmt::format("{} {}", path.native(), why));
}

tl::unexpected<Error> SystemFailure(const fs::path& path, std::string_view doing, int error) {
  const bool rights = error == EACCES || error == EPERM || error == EROFS;
  return Fail(rights ? ErrorCode::kDenied : ErrorCode::kInvalidArgument,
              fmt::format("cannot {} {}: {}", doing, path.native(), strerror(error)));
}

// What stands at a path, links followed; st_mode is 0 where nothing does.
Result<struct stat> Look(const fs::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) return status;
  if (errno == ENOENT) return {};
  return SystemFailure(path, "look at", errno);
}

Result<void> CheckDirectory(const fs::path& directory, bool create) {
  auto found = Look(directory);
  if (!found) return Fail(std::move(found).error());
  if (found->st_mode == 0) {
    if (!create) return Invalid(directory, "does not exist; make that directory first");
    // Nothing shall be made where the store would be refused afterwards.
    fs::path above = directory.parent_path();
    std::error_code error;
    while (!fs::exists(above, error) && above.has_relative_path()) above = above.parent_path();
    if (auto checked = CheckFileSystem(above.native()); !checked) return checked;
    fs::create_directories(directory, error);
    if (error) return SystemFailure(directory, "make the directory", error.value());
  } else if (!S_ISDIR(found->st_mode)) {
    return Invalid(directory, "is not a directory");
  }
  if (auto checked = CheckFileSystem(directory.native()); !checked) return checked;
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return SystemFailure(directory, "make files in", errno);
  }
  return {};
}

Result<void> CheckFile(const fs::path& file) {
  auto found = Look(file);
  if (!found) return Fail(std::move(found).error());
  if (found->st_mode == 0) return {};
  if (S_ISDIR(found->st_mode)) return Invalid(file, "is a directory; name a file");
  if (!S_ISREG(found->st_mode)) return Invalid(file, "is not a regular file");
  if (auto checked = CheckFileSystem(file.native()); !checked) return checked;
  if (faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0) {
    return SystemFailure(file, "read", errno);
  }
  if (faccessat(AT_FDCWD, file.c_str(), W_OK, AT_EACCESS) != 0) {
    return SystemFailure(file, "write", errno);
  }
  return {};
}

}  // namespace

Result<std::string> PrepareLocation(const StoreLocation& location) {
  if (location.path.empty() || location.path.find('\0') != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument, "a store needs the path of a file");
  }
  std::error_code error;
  const fs::path file = fs::absolute(location.path, error);
  if (error) return SystemFailure(location.path, "find the working directory of", error.value());
  if (!file.has_filename()) return Invalid(file, "is a directory; name a file");
  if (auto checked = CheckDirectory(file.parent_path(), location.create_parents); !checked) {
    return Fail(std::move(checked).error());
  }
  if (auto checked = CheckFile(file); !checked) return Fail(std::move(checked).error());
  return file.native();
}

}  // namespace monopod::store
