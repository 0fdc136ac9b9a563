#include "src/store/file_system.h"

#include <fmt/format.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

namespace monopod::store {
namespace {

struct FileSystemType {
  std::uint32_t type;
  std::string_view name;
};

// From linux/magic.h, and for those outside the kernel tree from coreutils' stat.
constexpr FileSystemType kUntrusted[] = {
    {0x61636673, "ACFS"},
    {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},
    {0x19830326, "BeeGFS"},
    {0x00C36400, "Ceph"},
    {0xFF534D42, "CIFS"},
    {0x73757245, "Coda"},
    {0x65735546, "FUSE"},
    {0x01161970, "GFS2"},
    {0x47504653, "GPFS"},
    {0x00C0FFEE, "HostFS"},
    {0x013111A8, "IBRIX"},
    {0x0BD00BD0, "Lustre"},
    {0x0000564C, "NCP"},
    {0x00006969, "NFS"},
    {0x7461636F, "OCFS2"},
    {0x20030528, "OrangeFS"},
    {0xAAD7AAEA, "PanFS"},
    {0x7C7C6673, "Parallels shared folder"},
    {0x0000517B, "SMB"},
    {0xFE534D42, "SMB2"},
    {0xBEEFDEAD, "SNFS"},
    {0x786F4256, "VirtualBox shared folder"},
    {0xBACBACBC, "VMware shared folder"},
    {0x01021997, "9P"},
};

}  // namespace

std::string_view UntrustedFileSystem(std::uint32_t type) {
  for (const FileSystemType& each : kUntrusted) {
    if (each.type == type) return each.name;
  }
  return {};
}

Result<void> CheckFileSystem(const std::string& path) {
  struct statfs status{};
  while (statfs(path.c_str(), &status) != 0) {
    if (errno == EINTR) continue;
    const ErrorCode code = errno == EACCES ? ErrorCode::kDenied : ErrorCode::kUnavailable;
    return Fail(code, fmt::format("cannot tell the file system of {}: {}", path, strerror(errno)));
  }
  const std::string_view name = UntrustedFileSystem(static_cast<std::uint32_t>(status.f_type));
  if (name.empty()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is on a {} file system, where file locks and change notification "
                          "cannot be trusted; put the store on a local file system (ext4, xfs, "
                          "btrfs, tmpfs, ...), or use a store that is made for the network",
                          path, name));
}

}  // namespace monopod::store
