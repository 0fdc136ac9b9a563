// What a cluster says of itself, for people who look after it.
//
// Threads: all calls may be made concurrently. Errors: as of the reads of api.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod::etcd {

using MemberId = std::uint64_t;
inline constexpr MemberId kNoMember = 0;

struct MemberStatus {
  MemberId member = kNoMember;
  MemberId leader = kNoMember;  // kNoMember: it knows none
  std::string version;
  std::int64_t database_bytes = 0;         // the file
  std::int64_t database_bytes_in_use = 0;  // what would be left of it by defragmentation
  std::uint64_t raft_term = 0;
  std::uint64_t raft_index = 0;
  std::uint64_t raft_applied_index = 0;
  bool learner = false;
  std::vector<std::string> errors = {};  // as the server words them
};

struct Alarm {
  enum class Kind : std::uint8_t {
    kNoSpace,  // the space quota is used up: deletes only, until there is room and it is disarmed
    kCorrupt,  // the member's data differs from the others'
    kOther,
  };
  MemberId member = kNoMember;
  Kind kind = Kind::kOther;
};

struct Member {
  MemberId member = kNoMember;
  std::string name;  // empty: it was never started
  std::vector<std::string> peer_urls = {};
  std::vector<std::string> client_urls = {};
  bool learner = false;
};

class ClusterApi {
 public:
  virtual ~ClusterApi() = default;

  // As configured: "host:port".
  virtual const std::vector<std::string>& Endpoints() const = 0;
  // Asks just this one; it answers without a quorum.
  virtual Result<MemberStatus> Status(const std::string& endpoint, BootTime deadline) = 0;
  virtual Result<std::vector<Alarm>> Alarms(BootTime deadline) = 0;
  virtual Result<std::vector<Member>> Members(BootTime deadline) = 0;
};

}  // namespace monopod::etcd
