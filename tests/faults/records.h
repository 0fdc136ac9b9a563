// What the clients of one lock tell while they work, and what becomes of it: holds, reads and
// writes with the moments at which they were.
//
// Pure. Threads: one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace monopod::faults {

enum class Workload : std::uint8_t {
  kMutex,     // a program that uses the library
  kRun,       // the command of `monopod run`
  kSlots,     // as kMutex, two at a time
  kElection,  // a leader
  kSet,       // holders add to a set, guarded; paused between read and write
  kControl,   // the same without a guard
};
inline constexpr Workload kWorkloads[] = {Workload::kMutex,    Workload::kRun, Workload::kSlots,
                                          Workload::kElection, Workload::kSet, Workload::kControl};
std::string_view WorkloadName(Workload workload);

// Moments: CLOCK_BOOTTIME of the machine, whatever the client's own clock showed.
struct Hold {
  std::chrono::nanoseconds invoked{0};
  std::chrono::nanoseconds held{0};  // the work began
  std::uint64_t token = 0;
  // The work ended: as it said itself, or, if it was killed, the last moment at which it is known
  // to have lived.
  std::optional<std::chrono::nanoseconds> over;
  std::optional<std::chrono::nanoseconds> released;  // none: not confirmed
};

struct Addition {
  enum class Outcome : std::uint8_t { kUnknown, kDone, kRefused };
  std::uint64_t element = 0;
  std::uint64_t token = 0;
  std::chrono::nanoseconds invoked{0};
  std::chrono::nanoseconds returned{0};
  Outcome outcome = Outcome::kUnknown;
};

struct Look {
  std::chrono::nanoseconds invoked{0};
  std::chrono::nanoseconds returned{0};
  std::uint64_t last = 0;  // the element that was added last; 0 if there is none
};

struct Record {
  std::vector<Hold> holds;
  std::vector<Addition> additions;
  std::vector<Look> looks;
  // Of kRun: children that found a descendant of an earlier one alive, by the kernel's word.
  int overlaps_seen = 0;
};

// Writes down what one client process tells. Its lines, with moments in nanoseconds:
//   invoke T | held T TOKEN | beat T | over T | released T | kept T | none
//   overlap T | read T0 T1 LAST | write ELEMENT T | wrote T done|refused|unknown
class Scribe {
 public:
  // Into a record that outlives it.
  explicit Scribe(Record* record) : record_(record) {}

  // False: a line that is not of these.
  bool Note(const std::string& line);
  // The process and all that it started are dead; killed at that moment, if they were.
  void End(std::optional<std::chrono::nanoseconds> killed);
  // A moment to count the next hold's wait from, for a client that does not tell.
  void Invoked(std::chrono::nanoseconds at) { invoked_ = at; }
  std::size_t holds() const { return count_; }

 private:
  Hold* current() { return current_ ? &record_->holds[*current_] : nullptr; }
  void Held(std::chrono::nanoseconds at, std::uint64_t token);

  Record* record_;
  std::chrono::nanoseconds invoked_{0};
  std::chrono::nanoseconds beat_{0};
  std::optional<std::size_t> current_;   // of holds
  std::optional<std::size_t> addition_;  // that has no answer yet
  std::size_t count_ = 0;
};

}  // namespace monopod::faults
