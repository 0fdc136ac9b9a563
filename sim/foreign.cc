#include "sim/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/clock.h"

namespace monopod::sim {

using kube::Object;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

ForeignClient::ForeignClient(Environment& environment, Network& network, int number)
    : environment_(environment), network_(network), name_(fmt::format("foreign-{}", number)) {}

void ForeignClient::Start() {
  environment_.queue.At(environment_.Within(seconds(20)), [this] { Act(); });
}

void ForeignClient::Act() {
  if (retired_) return;
  // It looks again when it can.
  const bool reaches = network_.line().UpAt() <= now();
  const nanoseconds pause = reaches ? Look() : nanoseconds(seconds(1));
  environment_.queue.At(now() + pause, [this] { Act(); });
}

void ForeignClient::Retire() {
  retired_ = true;
  GiveBack();
}

void ForeignClient::Write(const SimStore::Change& change,
                          const std::function<void(bool landed)>& then) {
  const protocol::Version seen = environment_.store.VersionOf(0);
  environment_.queue.At(now() + network_.line().Latency(), [this, seen, change, then] {
    const bool landed = network_.Edit(0, seen, change).has_value();
    environment_.trace.Add(now(), name_, landed ? 1 : 2, [&] {
      return fmt::format("{} {}", landed ? "writes" : "fails to write",
                         object() == nullptr ? "" : object()->Dump());
    });
    then(landed);
    if (landed && retired_) GiveBack();
  });
}

void ForeignClient::Works(bool works) { environment_.checker.OnForeignWork(name_, works); }

std::string ForeignClient::WallText() const { return FormatWallTime(WallAt(now())); }

Elector::Elector(Environment& environment, Network& network, int number)
    : ForeignClient(environment, network, number),
      duration_(environment.random.OneOf({2, 7, 15})),
      by_own_duration_(environment.random.Chance(0.3)) {}

Elector::Spec Elector::SpecOf(const Object* object) {
  if (object == nullptr) return {};
  // Serialized times have whole seconds there.
  const auto seconds_of = [](const std::string& text) { return text.substr(0, 19); };
  return {.holder = object->Text({"spec", "holderIdentity"}),
          .duration = object->Integer({"spec", "leaseDurationSeconds"}).value_or(0),
          .transitions = object->Integer({"spec", "leaseTransitions"}).value_or(0),
          .acquired = seconds_of(object->Text({"spec", "acquireTime"})),
          .renewed = seconds_of(object->Text({"spec", "renewTime"}))};
}

void Elector::Observe(const Spec& spec) {
  if (spec == observed_) return;
  observed_ = spec;
  observed_at_ = now();
  if (spec.holder != name()) Works(false);
}

nanoseconds Elector::Look() {
  Random& random = environment().random;
  const nanoseconds retry = random.In({.from = milliseconds(500), .to = seconds(2)});
  const bool leads = observed_.holder == name();
  if (leads && random.Chance(0.1)) {
    GiveBack();
    return random.In({.to = seconds(20)});
  }
  // Stopped for a while.
  if (leads && random.Chance(0.1)) {
    if (random.Chance(0.5)) {
      environment().queue.At(environment().Within(seconds(40)), [this] { GiveBack(); });
      return seconds(60);
    }
    return random.In({.to = seconds(40)});
  }
  const Spec spec = SpecOf(object());
  Observe(spec);
  const seconds valid = by_own_duration_ ? duration_ : seconds(spec.duration);
  const bool mine = spec.holder == name();
  if (!spec.holder.empty() && !mine && observed_at_ + valid > now()) return retry;
  Lead(spec);
  return retry;
}

void Elector::Lead(const Spec& seen) {
  const bool mine = seen.holder == name();
  const std::string time = WallText();
  Write(
      [this, mine, time, transitions = seen.transitions](Object& object) {
        object.SetText({"spec", "holderIdentity"}, name());
        object.SetInteger({"spec", "leaseDurationSeconds"}, duration_.count());
        object.SetText({"spec", "renewTime"}, time);
        if (!mine) object.SetText({"spec", "acquireTime"}, time);
        object.SetInteger({"spec", "leaseTransitions"}, transitions + (mine ? 0 : 1));
      },
      [this](bool landed) {
        if (!landed) return;
        Observe(SpecOf(object()));
        Works(true);
      });
}

void Elector::GiveBack() {
  if (observed_.holder != name()) return;
  if (object() == nullptr) {
    Observe({});
    return;
  }
  const std::string time = WallText();
  Write(
      [this, time](Object& object) {
        object.SetText({"spec", "holderIdentity"}, "");
        object.SetInteger({"spec", "leaseDurationSeconds"}, 1);
        object.SetText({"spec", "renewTime"}, time);
        object.SetText({"spec", "acquireTime"}, time);
        object.SetInteger({"spec", "leaseTransitions"}, observed_.transitions);
      },
      [this](bool landed) {
        if (landed) Observe(SpecOf(object()));
      });
}

Script::Script(Environment& environment, Network& network, int number)
    : ForeignClient(environment, network, number),
      looks_before_it_blanks_(environment.random.Chance(0.5)) {}

nanoseconds Script::Look() {
  Random& random = environment().random;
  if (holds_ && now() >= until_) GiveBack();
  const bool blank = object() != nullptr && object()->Text({"data", "lock_holder"}).empty();
  if (!holds_ && blank) {
    const std::string time = WallText();
    Write(
        [this, time](Object& object) {
          object.SetText({"data", "lock_holder"}, name());
          object.SetText({"data", "lock_timestamp"}, time);
        },
        [this](bool landed) {
          if (!landed) return;
          holds_ = true;
          until_ = environment().Within(seconds(15));
          Works(true);
        });
  }
  return random.In({.from = milliseconds(500), .to = seconds(3)});
}

void Script::GiveBack() {
  if (!holds_) return;
  const bool mine = object() != nullptr && object()->Text({"data", "lock_holder"}) == name();
  if (object() == nullptr || (!mine && looks_before_it_blanks_)) {
    holds_ = false;
    Works(false);
    return;
  }
  Write([](Object& object) { object.SetText({"data", "lock_holder"}, ""); },
        [this](bool landed) {
          if (landed) {
            holds_ = false;
            Works(false);
          } else {
            environment().queue.At(now() + seconds(1), [this] { GiveBack(); });
          }
        });
}

}  // namespace monopod::sim
