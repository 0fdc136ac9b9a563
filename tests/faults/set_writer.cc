#include "tests/faults/set_writer.h"

#include <signal.h>

#include <sstream>

#include <fmt/format.h>

namespace monopod::faults {
namespace {

// Of a pause between read and write.
constexpr double kPauseChance = 0.15;

// What is known of a write that ended so.
std::string_view Outcome(const Error& error) {
  switch (error.code) {
    case ErrorCode::kIndeterminate:
    case ErrorCode::kOutOfSpace:
    case ErrorCode::kInternal: return "unknown";
    default: return "refused";
  }
}

}  // namespace

void SetWriter::Add(const LockClient& client, const Lock& lock, sim::Random& random) {
  if (!set_->Enter(client, lock)) return;
  const auto invoked = teller_->Now();
  const auto text = set_->Read();
  if (!text) return;
  const std::vector<std::uint64_t> elements = ElementsOf(*text);
  teller_->TellLine(fmt::format("read {} {} {}", invoked.count(), teller_->Now().count(),
                                elements.empty() ? 0 : elements.back()));
  if (random.Chance(kPauseChance)) {
    teller_->Tell("failpoint");
    raise(SIGSTOP);
  }
  const std::uint64_t element = serial_ * 100'000 + ++count_;
  teller_->TellLine(fmt::format("write {} {}", element, teller_->Now().count()));
  const auto written = set_->Write(fmt::format("{} {}", *text, element));
  teller_->Tell("wrote", written ? "done" : Outcome(written.error()));
}

std::vector<std::uint64_t> ElementsOf(const std::string& text) {
  std::istringstream words(text);
  std::vector<std::uint64_t> elements;
  for (std::uint64_t element = 0; words >> element;) elements.push_back(element);
  return elements;
}

}  // namespace monopod::faults
