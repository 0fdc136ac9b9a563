// Which file systems a store file may lie on.
//
// Exclusion between processes rests on POSIX file locks, shared memory mappings and inotify,
// which network and FUSE file systems do not give reliably (and never between two machines).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "monopod/result.h"

namespace monopod::store {

// The name of a network or FUSE file system by its statfs f_type; empty for any other, local
// ones and unknown ones alike.
std::string_view UntrustedFileSystem(std::uint32_t type);

// Fails with kInvalidArgument if the existing `path` lies on such a file system, with kDenied
// or kUnavailable if that cannot be found out.
Result<void> CheckFileSystem(const std::string& path);

}  // namespace monopod::store
