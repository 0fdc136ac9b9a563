// Runs the scenarios of testdata/: each file is a story that one record machine lives through, with
// the store's answers written out and every action that the machine takes in between.
//
// The language, one event a line:
//
//   [at TIME] EVENT [-> ACTION]     what happens to the machine, and what it does then
//             -> ACTION             what it does when asked once more
//
// Events:
//   claim [ttl= kill= renew= wait= slots= kind= lock-delay= foreign-ttl= store-timeout= wall=
//          no-wait no-recovery-delay]   first of all; the claim is of instance `me` on lock `x`
//   next                       ask (at the start, after a `tell`, and when an `idle` is over)
//   reply absent | PHASE | same | written | NAME   answers a read: no record; a record with
//                              defaults; the one that the machine saw last; the one that it wrote
//                              last; the one that `write ... as=NAME` wrote. FIELD=VALUE overrides.
//   landed VERSION             answers a write; sent= says when it was sent, if not at once
//   fails CODE                 answers either: unknown, conflict, denied, ...
//   awaited                    something changed, or the time was over
//   told RECORD PHASE | ...    the store tells a later state of one of those that were awaited;
//                              words as for `reply`. `told nothing`: the time was over.
//   stop by=TIME
//   tenure proof=TIME | tenure none    what the machine says of its hold
//
// Actions: read, write, await, idle, tell, done. An action's words may be left out, but what is
// written must be so; says="..." is a part of a message. Nonces are n10, n20, ... in order; with
// them no renewal is early. Wall clocks run with TIME, but for ours if the claim says
// wall=+1h.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "src/base/duration.h"
#include "src/protocol/record_machine.h"

namespace monopod::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

using Words = std::vector<std::string>;
using Fields = std::map<std::string, std::string>;

constexpr WallTime kWallStart{std::chrono::hours(24 * 365 * 56)};

// Splits at blanks, but not within "double quotes".
Words Split(const std::string& line) {
  Words words;
  std::string word;
  bool quoted = false;
  for (const char c : line + " ") {
    if (c == '"') {
      quoted = !quoted;
    } else if (c != ' ' || quoted) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  return words;
}

// "key=value" words by key; a word without '=' has the value "yes".
Fields ToFields(const Words& words, std::size_t from) {
  Fields fields;
  for (std::size_t i = from; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    if (equals == std::string::npos)
      fields[words[i]] = "yes";
    else
      fields[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  return fields;
}

// What a line gets wrong, as against what the machine gets wrong.
struct BadScenario {
  std::string why;
};

nanoseconds ToDuration(std::string text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.erase(0, 1);
  const auto parsed = ParseDuration(text);
  if (!parsed) throw BadScenario{parsed.error().message};
  return negative ? -*parsed : *parsed;
}

milliseconds ToMilliseconds(const std::string& text) {
  return std::chrono::floor<milliseconds>(ToDuration(text));
}

BootTime ToTime(const std::string& text) { return BootTime(ToDuration(text)); }

template <class Enum>
using Names = std::vector<std::pair<std::string, Enum>>;

const Names<Phase> kPhases = {{"free", Phase::kFree},
                              {"recovering", Phase::kRecovering},
                              {"held", Phase::kHeld},
                              {"retired", Phase::kRetired}};
const Names<HoldKind> kKinds = {{"process", HoldKind::kProcess},
                                {"detached", HoldKind::kDetached},
                                {"sticky", HoldKind::kSticky}};
const Names<Outcome> kOutcomes = {{"not-acquired", Outcome::kNotAcquired},
                                  {"released", Outcome::kReleased},
                                  {"lost", Outcome::kLost},
                                  {"failed", Outcome::kFailed},
                                  {"unknown", Outcome::kUnknown}};
const Names<ErrorCode> kErrors = {
    {"unknown", ErrorCode::kIndeterminate},    {"unavailable", ErrorCode::kUnavailable},
    {"conflict", ErrorCode::kConflict},        {"denied", ErrorCode::kDenied},
    {"unsupported", ErrorCode::kUnsupported},  {"replaced", ErrorCode::kStoreReplaced},
    {"timeout", ErrorCode::kDeadlineExceeded}, {"invalid", ErrorCode::kInvalidArgument},
    {"internal", ErrorCode::kInternal}};

template <class Enum>
Enum FromName(const Names<Enum>& names, const std::string& name) {
  for (const auto& [known, value] : names) {
    if (known == name) return value;
  }
  throw BadScenario{"\"" + name + "\" is not one of the words allowed here"};
}

template <class Enum>
std::string NameOf(const Names<Enum>& names, Enum value) {
  for (const auto& [known, candidate] : names) {
    if (candidate == value) return known;
  }
  return "?";
}

std::string Text(nanoseconds duration) {
  return duration < nanoseconds(0) ? "-" + FormatDuration(-duration) : FormatDuration(duration);
}

std::string Text(BootTime time) {
  return time == BootTime::max() ? "stop" : Text(time.time_since_epoch());
}

std::string Text(const Version& version) { return version.empty() ? "absent" : version; }

// An action as a scenario writes it, every word that could be asked about included.
class ActionText {
 public:
  std::string operator()(const ReadAction& read) const {
    return fmt::format("read {} by={}", read.name, Text(read.deadline));
  }
  std::string operator()(const WriteAction& write) const {
    const Record& record = write.record;
    return fmt::format(
        "write {} {} if={} by={} instance={} token={} kind={} ttl={} kill={} owed={} credit={} "
        "stamp={} edit={} origin={} slots={} resize={} note=\"{}\"",
        write.name, NameOf(kPhases, record.phase), Text(write.expected), Text(write.deadline),
        record.holder.instance, record.token, NameOf(kKinds, record.kind), Text(record.ttl),
        Text(record.kill), Text(record.owed_kill), Text(record.credit), record.stamp, record.edit,
        record.origin, record.slots, record.resize_to, record.note);
  }
  std::string operator()(const AwaitAction& await) const {
    std::string text = "await";
    for (const Seen& seen : await.seen) text += " " + seen.name + "=" + Text(seen.version);
    return text + " until=" + Text(await.until);
  }
  std::string operator()(const IdleAction& idle) const { return "idle until=" + Text(idle.until); }
  std::string operator()(const TellAction& tell) const {
    const Event& event = tell.event;
    return fmt::format("tell {} slot={} token={} owner={} time={} says=\"{}\"",
                       EventKindName(event.kind), event.slot, event.token, event.owner.instance,
                       Text(event.duration), event.detail);
  }
  std::string operator()(const DoneAction& done) const {
    return fmt::format("done {} error={} says=\"{}\"", NameOf(kOutcomes, done.outcome),
                       done.error.message.empty() ? "" : NameOf(kErrors, done.error.code),
                       done.error.message);
  }
};

bool SameValue(const std::string& one, const std::string& other) {
  if (one == other) return true;
  const auto a = ParseDuration(one);
  const auto b = ParseDuration(other);
  return a && b && std::chrono::floor<milliseconds>(*a) == std::chrono::floor<milliseconds>(*b);
}

// Each word of `expected` is in `actual`; the first, the verb, is first.
bool Matches(const Words& expected, const std::string& actual) {
  const Words got = Split(actual);
  if (expected.empty() || got.empty() || expected[0] != got[0]) return false;
  Fields fields = ToFields(got, 1);
  for (const auto& [key, value] : ToFields(expected, 1)) {
    if (key == "as") continue;
    if (!fields.contains(key)) return false;
    const bool part = key == "says" && fields[key].find(value) != std::string::npos;
    if (!part && !SameValue(fields[key], value)) return false;
  }
  return true;
}

class Scenario {
 public:
  // Runs one line; throws BadScenario when it makes no sense, and otherwise returns what the
  // machine did wrong, or nothing.
  std::string Run(const std::string& line) {
    const std::size_t arrow = line.find("->");
    Words event = Split(line.substr(0, arrow));
    if (event.size() >= 2 && event[0] == "at") {
      const BootTime time = ToTime(event[1]);
      if (time < now_) throw BadScenario{"time goes backwards"};
      now_ = time;
      event.erase(event.begin(), event.begin() + 2);
    }
    if (!event.empty()) {
      if (const std::string wrong = Happen(event); !wrong.empty()) return wrong;
    }
    if (arrow == std::string::npos) return "";
    return Expect(Split(line.substr(arrow + 2)));
  }

  // A story may not end, nor the store act, while the machine has more to do at once.
  bool rests() const { return !Is<TellAction>(); }

 private:
  Moment Now() const { return {.boot = now_, .wall = TrueWall(wall_ahead_)}; }

  WallTime TrueWall(nanoseconds ahead) const {
    return kWallStart +
           std::chrono::floor<std::chrono::microseconds>(now_.time_since_epoch() + ahead);
  }

  std::string Happen(const Words& event) {
    const std::string& verb = event[0];
    const Fields fields = ToFields(event, 1);
    if (verb == "claim") {
      machine_.emplace(MakeClaim(fields), [this] { return fmt::format("n{}", ++nonces_ * 10); });
      return "";
    }
    if (!machine_) throw BadScenario{"the first event is a claim"};
    if (verb == "tenure") return CheckTenure(fields);
    if (verb == "stop") {
      machine_->Stop(ToTime(fields.at("by")));
      if (Is<IdleAction>()) action_.reset();
      return "";
    }
    if (!rests()) throw BadScenario{"the machine has something to tell before this"};
    if (verb == "next") {
      if (Is<ReadAction>() || Is<WriteAction>() || Is<AwaitAction>()) {
        throw BadScenario{"the last action has not been answered"};
      }
    } else if (verb == "awaited") {
      if (!Is<AwaitAction>()) throw BadScenario{"nothing is awaited"};
      machine_->OnAwaited();
    } else if (verb == "told") {
      if (!Is<AwaitAction>()) throw BadScenario{"nothing is awaited"};
      machine_->OnAwaited(MakeNews(event), Now());
    } else {
      Answer(event, fields);
    }
    action_.reset();
    return "";
  }

  void Answer(const Words& event, const Fields& fields) {
    const std::string& verb = event[0];
    if (event.size() < 2) throw BadScenario{"\"" + verb + "\" needs a word more"};
    if (verb == "reply" && Is<ReadAction>()) {
      machine_->OnRead(MakeSnapshot(event[1], fields), Now());
    } else if (verb == "landed" && Is<WriteAction>()) {
      Keep(written_.name, {.version = event[1], .record = written_.record});
      machine_->OnWrite(Written{.version = event[1], .next_token = written_.record.token + 1},
                        SentAt(fields), Now());
    } else if (verb == "fails" && Is<ReadAction>()) {
      machine_->OnRead(Fail(FromName(kErrors, event[1]), "the store said " + event[1]), Now());
    } else if (verb == "fails" && Is<WriteAction>()) {
      machine_->OnWrite(Fail(FromName(kErrors, event[1]), "the store said " + event[1]),
                        SentAt(fields), Now());
    } else {
      throw BadScenario{"\"" + verb + "\" does not answer the last action"};
    }
  }

  std::vector<Listed> MakeNews(const Words& event) {
    if (event.size() == 2 && event[1] == "nothing") return {};
    if (event.size() < 3) throw BadScenario{"\"told\" needs a record and its state"};
    asked_ = event[1];
    return {{.name = asked_, .snapshot = MakeSnapshot(event[2], ToFields(event, 2))}};
  }

  Moment SentAt(const Fields& fields) const {
    Moment sent = sent_;
    if (fields.contains("sent")) sent.boot = ToTime(fields.at("sent"));
    return sent;
  }

  std::string Expect(const Words& expected) {
    if (!machine_ || (action_ && rests())) {
      throw BadScenario{"nothing happened since the last action"};
    }
    action_ = machine_->Next(Now());
    const std::string actual = std::visit(ActionText{}, *action_);
    if (const auto* write = std::get_if<WriteAction>(&*action_)) {
      written_ = *write;
      sent_ = Now();
      const Fields fields = ToFields(expected, 1);
      if (fields.contains("as")) named_[fields.at("as")] = write->record;
    }
    if (const auto* read = std::get_if<ReadAction>(&*action_)) asked_ = read->name;
    return Matches(expected, actual) ? "" : "got:      " + actual;
  }

  std::string CheckTenure(const Fields& fields) const {
    const auto tenure = machine_->tenure();
    const std::string got = tenure ? Text(tenure->proof) : "none";
    const bool right = fields.contains("none") ? !tenure : SameValue(got, fields.at("proof"));
    return right ? "" : "got:      tenure " + got;
  }

  static Claim MakeClaim(Fields fields, nanoseconds& wall_ahead) {
    const auto take = [&](const std::string& key) {
      std::optional<std::string> value;
      if (fields.contains(key)) value = fields.extract(key).mapped();
      return value;
    };
    const auto duration = [&](const std::string& key) -> std::optional<nanoseconds> {
      if (const auto value = take(key)) return ToDuration(*value);
      return std::nullopt;
    };
    TimesRequest request;
    if (const auto ttl = duration("ttl")) request.ttl = *ttl;
    request.kill = duration("kill");
    request.renew = duration("renew");
    request.attempt = duration("attempt");
    request.term = duration("term");
    const auto times = MakeTimes(request);
    if (!times) throw BadScenario{times.error().message};
    Claim claim{.lock = "x", .holder = {.name = "pod-me", .instance = "me"}, .times = *times};
    if (const auto kind = take("kind")) claim.kind = FromName(kKinds, *kind);
    if (const auto slots = take("slots")) claim.slots = std::stoi(*slots);
    if (const auto delay = duration("lock-delay")) claim.lock_delay = *delay;
    claim.foreign_ttl = duration("foreign-ttl");
    if (const auto wait = duration("wait")) claim.give_up_at = BootTime(*wait);
    if (const auto timeout = duration("store-timeout")) claim.store_timeout = *timeout;
    wall_ahead = duration("wall").value_or(nanoseconds(0));
    claim.wait_for_live_holder = !take("no-wait");
    claim.recovery_delay = !take("no-recovery-delay");
    if (!fields.empty()) throw BadScenario{"a claim has no \"" + fields.begin()->first + "\""};
    return claim;
  }
  Claim MakeClaim(const Fields& fields) { return MakeClaim(fields, wall_ahead_); }

  Snapshot MakeSnapshot(const std::string& base, const Fields& fields) {
    Snapshot snapshot = BaseOf(base);
    if (base != "absent") Override(snapshot, fields, base);
    Keep(asked_, snapshot);
    return snapshot;
  }

  Snapshot BaseOf(const std::string& base) const {
    if (base == "absent") return {};
    if (base == "same") return known_.at(asked_);
    if (base == "written") return {.version = "?", .record = written_.record};
    if (named_.contains(base)) return {.version = "?", .record = named_.at(base)};
    Record record{.phase = FromName(kPhases, base),
                  .stamp = "s0",
                  .edit = "e0",
                  .origin = "o0",
                  .renewed = TrueWall(nanoseconds(0)),
                  .slots = asked_ == "x" ? 1 : 0};
    if (record.phase == Phase::kHeld || record.phase == Phase::kRecovering) {
      record.holder = {.name = "pod-b", .instance = "b"};
      record.ttl = milliseconds(15000);
      record.kill = milliseconds(12000);
    }
    return {.version = "v0", .record = record};
  }

  void Override(Snapshot& snapshot, const Fields& fields, const std::string& base) const {
    Record& record = snapshot.record;
    snapshot.known_silence = nanoseconds(0);
    bool token_said = false;
    for (const auto& [key, value] : fields) {
      if (key == base) continue;
      if (key == "version")
        snapshot.version = value;
      else if (key == "instance")
        record.holder.instance = value;
      else if (key == "name")
        record.holder.name = value;
      else if (key == "stamp")
        record.stamp = value;
      else if (key == "edit")
        record.edit = value;
      else if (key == "origin")
        record.origin = value;
      else if (key == "ttl")
        record.ttl = ToMilliseconds(value);
      else if (key == "kill")
        record.kill = ToMilliseconds(value);
      else if (key == "owed")
        record.owed_kill = ToMilliseconds(value);
      else if (key == "credit")
        record.credit = ToMilliseconds(value);
      else if (key == "token")
        record.token = std::stoull(value);
      else if (key == "kind")
        record.kind = FromName(kKinds, value);
      else if (key == "foreign")
        record.foreign = true;
      else if (key == "phase")
        record.phase = FromName(kPhases, value);
      else if (key == "slots")
        record.slots = std::stoi(value);
      else if (key == "resize")
        record.resize_to = std::stoi(value);
      else if (key == "note")
        record.note = value;
      else if (key == "renewed") {
        record.renewed = TrueWall(ToDuration(value));
      } else if (key == "silence") {
        snapshot.known_silence = value == "for-ever" ? kCertainlyOver : ToDuration(value);
      } else if (key == "next-token") {
        snapshot.next_token = std::stoull(value);
        token_said = true;
      } else {
        throw BadScenario{"a record has no \"" + key + "\""};
      }
    }
    if (!token_said) snapshot.next_token = record.token + 1;
  }

  void Keep(const std::string& name, Snapshot snapshot) { known_[name] = std::move(snapshot); }

  template <class Kind>
  bool Is() const {
    return action_ && std::holds_alternative<Kind>(*action_);
  }

  std::optional<RecordMachine> machine_;
  int nonces_ = 0;
  BootTime now_{};
  nanoseconds wall_ahead_{0};
  std::optional<Action> action_;           // not yet answered
  std::string asked_;                      // the record that was read last
  WriteAction written_;                    // the last write
  Moment sent_{};                          // and when it was handed out
  std::map<std::string, Record> named_;    // writes that got a name
  std::map<std::string, Snapshot> known_;  // what the machine saw last, by record
};

std::filesystem::path Folder() {
  return std::filesystem::path(MONOPOD_SOURCE_DIR) / "src/protocol/testdata";
}

std::vector<std::string> AllScenarios() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(Folder())) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class ScenarioTest : public testing::TestWithParam<std::string> {};

TEST_P(ScenarioTest, GoesAsTold) {
  const std::filesystem::path path = Folder() / (GetParam() + ".txt");
  std::ifstream file(path);
  ASSERT_TRUE(file.is_open()) << path;
  Scenario scenario;
  std::string line;
  int actions = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    ASSERT_TRUE(number > 1 || line.starts_with("# ")) << path << ": begin with the story";
    if (line.starts_with('#') || Split(line).empty()) continue;
    std::string wrong;
    try {
      wrong = scenario.Run(line);
    } catch (const BadScenario& bad) {
      wrong = "the scenario is wrong: " + bad.why;
    } catch (const std::exception& bad) {
      wrong = std::string("the scenario is wrong: ") + bad.what();
    }
    if (!wrong.empty()) FAIL() << path.string() << ':' << number << ":\n" << line << '\n' << wrong;
    actions += line.find("->") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(actions, 0) << path << ": a story in which nothing happens";
  EXPECT_TRUE(scenario.rests()) << path << ": the story ends before the machine rests";
}

INSTANTIATE_TEST_SUITE_P(Testdata, ScenarioTest, testing::ValuesIn(AllScenarios()),
                         [](const auto& named) { return named.param; });

}  // namespace
}  // namespace monopod::protocol
