#include "src/supervise/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>
#include <utility>

#include "src/base/nonce.h"

namespace monopod::supervise {
namespace {

std::string ReadText(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// mountinfo writes blanks, line ends and backslashes as \ooo.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ec == std::errc()) {
      plain.push_back(static_cast<char>(code));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

// "0::/path", the line of version 2.
std::optional<std::string> OwnPath(const std::string& cgroup) {
  std::istringstream lines(cgroup);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return std::nullopt;
}

// `path` as seen from a mount of `root`: "/a/b" from "/a" is "/b".
std::optional<std::string> Below(const std::string& root, const std::string& path) {
  if (root == "/") return path;
  if (path == root) return "";
  if (path.starts_with(root + "/")) return path.substr(root.size());
  return std::nullopt;
}

bool IsCgroup2(const std::string& path) {
  struct statfs info{};
  return statfs(path.c_str(), &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

void RemoveTree(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
      RemoveTree(path + "/" + entry->d_name);
    }
  }
  rmdir(path.c_str());
}

}  // namespace

std::optional<std::string> OwnCgroupDirectory(const CgroupFiles& files) {
  const auto own = OwnPath(files.cgroup);
  if (!own) return std::nullopt;
  std::istringstream lines(files.mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // 41 31 0:38 ROOT MOUNT_POINT rw,relatime [tags...] - cgroup2 cgroup2 rw
    const auto separator = line.find(" - ");
    if (separator == std::string::npos || !line.substr(separator).starts_with(" - cgroup2 ")) {
      continue;
    }
    std::istringstream fields(line);
    std::string skipped;
    std::string root;
    std::string mount_point;
    fields >> skipped >> skipped >> skipped >> root >> mount_point;
    if (const auto below = Below(Unescape(root), *own)) {
      return Unescape(mount_point) + (*below == "/" ? "" : *below);
    }
  }
  return std::nullopt;
}

CgroupFiles ReadCgroupFiles() {
  return {.mountinfo = ReadText("/proc/self/mountinfo"), .cgroup = ReadText("/proc/self/cgroup")};
}

std::optional<Cgroup> Cgroup::Create() {
  const auto parent = OwnCgroupDirectory(ReadCgroupFiles());
  // Something else may be mounted over it, where mkdir would work and mean nothing.
  if (!parent || !IsCgroup2(*parent)) return std::nullopt;
  Cgroup cgroup;
  cgroup.path_ = fmt::format("{}/monopod-{}-{}", *parent, getpid(), RandomNonce().substr(0, 8));
  if (mkdir(cgroup.path_.c_str(), 0755) != 0) return std::nullopt;
  const std::string kill_path = cgroup.path_ + "/cgroup.kill";
  cgroup.kill_ = FileDescriptor(open(kill_path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!cgroup.kill_.is_open()) {
    cgroup.Remove();
    return std::nullopt;
  }
  return cgroup;
}

bool Cgroup::Join() const {
  const std::string path = path_ + "/cgroup.procs";
  const FileDescriptor processes(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return processes.is_open() && write(processes.get(), "0", 1) == 1;
}

void Cgroup::Kill() const {
  // It cannot fail in a way that the caller could do something about; whoever kills also
  // kills process by process, and looks at what is left.
  [[maybe_unused]] const auto written = write(kill_.get(), "1", 1);
}

void Cgroup::Remove() const { RemoveTree(path_); }

}  // namespace monopod::supervise
