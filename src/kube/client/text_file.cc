#include "src/kube/client/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace monopod::kube {
namespace {

constexpr std::size_t kLargest = std::size_t{4} << 20;

Error FromErrno(const std::string& path, int error) {
  ErrorCode code = ErrorCode::kInvalidArgument;
  if (error == ENOENT || error == ENOTDIR) code = ErrorCode::kNotFound;
  if (error == EACCES || error == EPERM) code = ErrorCode::kDenied;
  return {code, fmt::format("cannot read {}: {}", path, std::strerror(error))};
}

}  // namespace

Result<std::string> ReadTextFile(const std::string& path) {
  int fd = -1;
  // A pipe that nobody writes to must not block.
  while ((fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0 && errno == EINTR) {
  }
  if (fd < 0) return Fail(FromErrno(path, errno));
  std::string content;
  std::array<char, 16384> buffer{};
  ssize_t count = 0;
  int error = 0;
  while (content.size() <= kLargest) {
    count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    error = count < 0 ? errno : 0;
    if (count <= 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(fd);
  if (error != 0) return Fail(FromErrno(path, error));
  if (content.size() > kLargest) {
    return Fail(ErrorCode::kInvalidArgument, fmt::format("cannot read {}: it is too large", path));
  }
  return content;
}

Result<std::string> ReadSource(const TextSource& source) {
  if (!source.content.empty() || source.file.empty()) return source.content;
  return ReadTextFile(source.file);
}

}  // namespace monopod::kube
