#include "src/store/boot_identity.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <string_view>

#include "src/protocol/record_store.h"

namespace monopod::store {
namespace {

using protocol::HoldKind;
using protocol::Phase;
using protocol::Record;

// PROC_TIME_INIT_INO of the kernel: the inode of the time namespace that it boots with. In any
// other, BootClock may be shifted and does not tell the time since boot.
constexpr std::uint64_t kInitialTimeNamespace = 0xEFFFFFFA;

constexpr std::size_t kMachineIdLength = 32;

std::string FirstWord(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::string_view BootIdOf(std::string_view clock) { return clock.substr(0, clock.find(':')); }

bool OutlivesItsProcess(const Record& record) {
  const bool claimed = record.phase == Phase::kHeld || record.phase == Phase::kRecovering;
  return claimed && record.kind != HoldKind::kProcess;
}

}  // namespace

std::string BootIdentity::ClockName() const {
  return boot_id.empty() ? std::string() : boot_id + ":" + std::to_string(time_namespace);
}

BootIdentity ReadBootIdentity() {
  BootIdentity identity{.boot_id = FirstWord("/proc/sys/kernel/random/boot_id")};
  struct stat status{};
  if (stat("/proc/self/ns/time", &status) == 0) identity.time_namespace = status.st_ino;
  // The file may be missing, empty, or say "uninitialized" in an image.
  const std::string machine = FirstWord("/etc/machine-id");
  const bool is_id = machine.size() == kMachineIdLength &&
                     machine.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_id) identity.machine_id = machine;
  return identity;
}

std::chrono::nanoseconds KnownSilence(const Record& record, const StampTime& stamp,
                                      const BootIdentity& reader, BootTime now) {
  constexpr std::chrono::nanoseconds kUnknown{0};
  // Whoever is not monopod does not keep the stamp's time either.
  if (record.foreign) return kUnknown;
  if (stamp.clock.empty() || reader.boot_id.empty()) return kUnknown;
  if (stamp.clock == reader.ClockName()) return std::max(kUnknown, now - stamp.written);
  const bool earlier_boot = BootIdOf(stamp.clock) != reader.boot_id && !reader.machine_id.empty() &&
                            stamp.machine == reader.machine_id;
  if (!earlier_boot) return kUnknown;
  if (!OutlivesItsProcess(record)) return protocol::kCertainlyOver;
  // It was last renewed before this boot, and its owner may still come back to renew it.
  const bool counts_from_boot =
      reader.time_namespace == 0 || reader.time_namespace == kInitialTimeNamespace;
  return counts_from_boot ? now.time_since_epoch() : kUnknown;
}

}  // namespace monopod::store
