// Which boot of which machine this process lives in, and what that tells of how long a
// record's stamp has stayed the same.
//
// All processes of one boot and one time namespace share BootClock, so that one of them can
// judge at once what another wrote. A record of an earlier boot of this machine tells that
// every process of then is dead. Nothing is known of any other machine or boot: such a record
// is observed like a remote one.
//
// This believes that one machine id is one machine. Where two running systems share a machine
// id and a store file but not a boot id (system containers cloned with their /etc/machine-id),
// it does not hold; such clones need machine ids of their own, which systemd demands anyway.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "src/base/clock.h"
#include "src/protocol/record.h"

namespace monopod::store {

struct BootIdentity {
  std::string boot_id;               // of the kernel; empty where it cannot be read
  std::uint64_t time_namespace = 0;  // inode of the time namespace; 0 where there are none
  std::string machine_id;            // 32 hexadecimal digits, or empty

  // The clock that a stamp was timed by: "BOOT_ID:TIME_NAMESPACE". Empty if the boot is unknown.
  std::string ClockName() const;
};

// Reads /proc and /etc/machine-id. What is missing there stays empty, and is then not relied on.
BootIdentity ReadBootIdentity();

// When, and by which clock, a record's stamp was written.
struct StampTime {
  std::string clock;    // BootIdentity::ClockName() of the writer
  std::string machine;  // BootIdentity::machine_id of the writer
  BootTime written{};
};

// Snapshot::known_silence of a record that was read after `now`: never more than what is
// certain, and protocol::kCertainlyOver if the hold died with an earlier boot.
std::chrono::nanoseconds KnownSilence(const protocol::Record& record, const StampTime& stamp,
                                      const BootIdentity& reader, BootTime now);

}  // namespace monopod::store
