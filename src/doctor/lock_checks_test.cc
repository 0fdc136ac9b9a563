#include "src/doctor/lock_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/etcd/lock_values.h"

namespace monopod::doctor {
namespace {

using etcd::KeyValue;
using etcd::MarkerState;
using etcd::MarkerValue;
using etcd::MemberPhase;
using etcd::MemberValue;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr etcd::LeaseId kLease = 77;

// A lock "x" as it stands in etcd.
class LockFactsBuilder {
 public:
  LockFactsBuilder& Claim(const std::string& id, const MemberValue& member) {
    lock_.contents.members.push_back({.key = "p/locks/x/~" + id,
                                      .value = etcd::Encode(member),
                                      .create_revision = ++revision_,
                                      .mod_revision = revision_,
                                      .lease = kLease});
    return Marker(id, {});
  }
  LockFactsBuilder& Marker(const std::string& id, const MarkerValue& marker) {
    lock_.contents.markers.push_back({.key = "p/marks/x/" + id,
                                      .value = etcd::Encode(marker),
                                      .create_revision = revision_ == 0 ? ++revision_ : revision_});
    return *this;
  }
  LockFactsBuilder& Foreign(const std::string& name, etcd::LeaseId lease) {
    lock_.contents.members.push_back(
        {.key = "p/locks/x/" + name, .create_revision = ++revision_, .lease = lease});
    return *this;
  }
  LockFacts& lock() { return lock_; }

  EtcdFacts Facts() {
    return {.prefix = "p/", .now = now, .locks = {lock_}, .watched = std::chrono::seconds(2)};
  }
  Findings Check() { return CheckLocks(Facts()); }
  Finding Only() {
    const Findings findings = Check();
    EXPECT_EQ(findings.size(), 1U);
    return findings.empty() ? Finding{} : findings.front();
  }

  const WallTime now = WallTime{} + std::chrono::hours(24 * 365 * 50);

 private:
  LockFacts lock_{.name = "x", .contents = {}};
  etcd::Revision revision_ = 0;
};

MemberValue Held() {
  return {.holder = {.name = "web-0", .node = "node-7"}, .phase = MemberPhase::kHeld, .ttl = 15s};
}

TEST(LockChecksTest, NothingIsFoundInALockThatIsHeldAndWaitedFor) {
  LockFactsBuilder x;
  x.Claim("1-a", Held()).Claim("1-b", {});
  x.lock().contents.tail = KeyValue{.key = "p/tails/x", .value = "1-b"};
  x.lock().leases[kLease] = {.left = 12s, .granted = 15s};
  x.lock().ended = 3;
  x.lock().ended_unclean = 1;
  EXPECT_THAT(x.Check(), IsEmpty());
}

TEST(LockChecksTest, AHolderThatDoesNotKeepItsLeaseIsStuck) {
  LockFactsBuilder x;
  x.Claim("1-a", Held());
  x.lock().leases[kLease] = {.left = 7s, .granted = 15s};
  const Finding finding = x.Only();
  EXPECT_EQ(finding.check, "stuck");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.message, HasSubstr("web-0 on node-7, has not renewed its lease for 8s"));
  EXPECT_THAT(finding.remedy, HasSubstr("monopod break x --token 1 "));
  x.lock().leases[kLease] = {.left = 8s, .granted = 15s};
  EXPECT_THAT(x.Check(), IsEmpty());
  x.lock().leases[kLease] = {.left = -1s};
  EXPECT_THAT(x.Check(), IsEmpty());
}

TEST(LockChecksTest, AScriptThatRenewsLateIsNotStuck) {
  LockFactsBuilder x;
  MemberValue detached = Held();
  detached.kind = HoldKind::kDetached;
  x.Claim("1-a", detached);
  x.lock().leases[kLease] = {.left = 1s, .granted = 15s};
  EXPECT_THAT(x.Check(), IsEmpty());
}

TEST(LockChecksTest, AnOrphanThatNobodyWaitsForIsStuck) {
  LockFactsBuilder x;
  x.Marker("1-a", {.holder = {.name = "web-0"}, .note = "broken by ops"});
  EXPECT_THAT(x.Check(), IsEmpty()) << "it may be tidied away at this moment";
  x.lock().orphans_before = {"p/marks/x/1-a"};
  const Finding finding = x.Only();
  EXPECT_EQ(finding.check, "stuck");
  EXPECT_THAT(finding.message, HasSubstr("web-0, ended without a release"));
  EXPECT_THAT(finding.message, HasSubstr("broken by ops"));
  EXPECT_THAT(finding.remedy, HasSubstr("monopod run x --no-wait -- true"));
  x.Claim("1-b", Held());
  EXPECT_THAT(x.Check(), IsEmpty()) << "somebody sees to it";
}

TEST(LockChecksTest, MarkersAndTailsOfNobodyAreLeftovers) {
  LockFactsBuilder markers;
  markers.Marker("1-a", {.state = MarkerState::kOver});
  markers.lock().orphans_before = {"p/marks/x/1-a"};
  EXPECT_EQ(markers.Only().check, "leftover");

  LockFactsBuilder tail;
  tail.lock().contents.tail = KeyValue{.key = "p/tails/x", .value = "1-a"};
  EXPECT_THAT(tail.Check(), IsEmpty()) << "it may be replaced at this moment";
  tail.lock().tail_before = "1-a";
  EXPECT_EQ(tail.Only().check, "leftover");
  tail.lock().contents.tail->value = tail.lock().tail_before = "?";
  EXPECT_THAT(tail.Check(), IsEmpty()) << "a resize leaves it";
}

TEST(LockChecksTest, AForeignKeyIsNamedAndWithoutALeaseItIsCritical) {
  LockFactsBuilder leased;
  leased.Foreign("694d", kLease);
  EXPECT_EQ(leased.Only().check, "foreign");
  EXPECT_EQ(leased.Only().severity, Severity::kWarning);
  EXPECT_THAT(leased.Only().remedy, HasSubstr("monopod break x --token 1 "));

  LockFactsBuilder forever;
  forever.Claim("1-a", Held()).Foreign("it's", etcd::kNoLease);
  EXPECT_EQ(forever.Only().severity, Severity::kCritical);
  EXPECT_THAT(forever.Only().remedy, HasSubstr(R"(etcdctl del 'p/locks/x/it'\''s')"));
}

TEST(LockChecksTest, AStickyHoldOlderThanADayIsNamed) {
  LockFactsBuilder x;
  MemberValue sticky = Held();
  sticky.kind = HoldKind::kSticky;
  sticky.acquired = x.now - 25h;
  x.Claim("1-a", sticky);
  const Finding finding = x.Only();
  EXPECT_EQ(finding.check, "sticky");
  EXPECT_THAT(finding.remedy, HasSubstr("monopod break x --token 1 "));

  LockFactsBuilder young;
  sticky.acquired = young.now - 23h;
  young.Claim("1-a", sticky);
  EXPECT_THAT(young.Check(), IsEmpty());
}

TEST(LockChecksTest, ACrowdIsNamed) {
  LockFactsBuilder x;
  x.Claim("1-a", Held());
  for (int i = 0; i < kCrowd; ++i) x.Claim("2-" + std::to_string(i), {});
  EXPECT_THAT(x.Check(), IsEmpty());
  x.Claim("3-a", {});
  const Finding finding = x.Only();
  EXPECT_EQ(finding.check, "crowded");
  EXPECT_THAT(finding.message, HasSubstr("11 wait"));
  EXPECT_THAT(finding.remedy, HasSubstr("monopod resize x --slots 2"));
}

TEST(LockChecksTest, ManyEndsOrAFewUncleanOnesAreFlapping) {
  LockFactsBuilder x;
  x.lock().ended = kFlappingEnds;
  EXPECT_EQ(x.Only().check, "flapping");
  EXPECT_THAT(x.Only().message, HasSubstr("8 holds ended within 2s"));
  x.lock().ended = x.lock().ended_unclean = kFlappingUnclean;
  EXPECT_THAT(x.Only().remedy, HasSubstr("they die"));
  x.lock().ended = x.lock().ended_unclean = 1;
  EXPECT_THAT(x.Check(), IsEmpty());
}

TEST(LockChecksTest, AResizeThatIsNotDoneIsNamed) {
  LockFactsBuilder x;
  x.lock().contents.slots = KeyValue{
      .key = "p/slots/x", .value = etcd::Encode(etcd::SlotsValue{.slots = 1, .before = 3})};
  const Finding finding = x.Only();
  EXPECT_EQ(finding.check, "resize");
  EXPECT_THAT(finding.remedy, HasSubstr("monopod resize x --slots 1"));
}

TEST(LockChecksTest, WhatCannotBeReadIsCritical) {
  LockFactsBuilder x;
  x.Claim("1-a", Held());
  x.lock().contents.members.front().value = R"({"format": 2})";
  x.lock().contents.markers.front().value = "by hand";
  x.lock().contents.slots = KeyValue{.key = "p/slots/x", .value = "3"};
  const Findings findings = x.Check();
  ASSERT_EQ(findings.size(), 3U);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.check, "format");
    EXPECT_EQ(finding.severity, Severity::kCritical);
  }
}

TEST(LockChecksTest, TooManyKeysAreSaidToBeTooMany) {
  EtcdFacts facts{.prefix = "p/", .too_many_keys = true};
  ASSERT_EQ(CheckLocks(facts).size(), 1U);
  EXPECT_EQ(CheckLocks(facts).front().check, "keys");
}

}  // namespace
}  // namespace monopod::doctor
