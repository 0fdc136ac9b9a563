#include "src/etcd/client/text_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace monopod::etcd {

Result<std::string> ReadTextFile(const char* what, const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream content;
  // Reading a folder fails here only.
  if (file && file.peek() != std::ifstream::traits_type::eof()) content << file.rdbuf();
  if (errno != 0 || !file) {
    const int error = errno;
    return Fail(error == EACCES ? ErrorCode::kDenied : ErrorCode::kInvalidArgument,
                fmt::format("cannot read the {} {}: {}", what, path,
                            error == 0 ? "it is empty" : std::strerror(error)));
  }
  return content.str();
}

}  // namespace monopod::etcd
