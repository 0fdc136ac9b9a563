#include "src/doctor/etcd_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/etcd/lock_values.h"

namespace monopod::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::int64_t kMebibyte = std::int64_t{1024} * 1024;

MemberFacts Member(etcd::MemberId id) {
  return {.endpoint = "host" + std::to_string(id) + ":2379",
          .status = etcd::MemberStatus{.member = id,
                                       .leader = 1,
                                       .version = "3.7.0",
                                       .database_bytes = kMebibyte,
                                       .database_bytes_in_use = kMebibyte,
                                       .raft_index = 10'000,
                                       .raft_applied_index = 10'000},
          .latency = 1ms};
}

EtcdFacts Healthy() {
  return {
      .prefix = "monopod/", .members = {Member(1), Member(2), Member(3)}, .commits = {2ms, 3ms}};
}

// The only finding there is.
Finding Only(const EtcdFacts& facts) {
  const Findings findings = CheckEtcd(facts);
  EXPECT_EQ(findings.size(), 1U);
  return findings.empty() ? Finding{} : findings.front();
}

TEST(EtcdChecksTest, NothingIsFoundInAHealthyCluster) {
  EXPECT_THAT(CheckEtcd(Healthy()), IsEmpty());
  EXPECT_EQ(Worst({}), Severity::kOk);
}

TEST(EtcdChecksTest, ASilentMemberIsAWarningWhileTheOthersServe) {
  EtcdFacts facts = Healthy();
  facts.members[1].status.reset();
  facts.members[1].error = {ErrorCode::kUnavailable, "connection refused"};
  const Finding finding = Only(facts);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(finding.check, "member");
  EXPECT_EQ(finding.subject, "host2:2379");
  EXPECT_THAT(finding.message, HasSubstr("connection refused"));
}

TEST(EtcdChecksTest, WithoutAMajorityEverythingIsCritical) {
  EtcdFacts facts = Healthy();
  facts.members[1].status.reset();
  facts.members[2].status->leader = etcd::kNoMember;
  facts.read_failed = Error{ErrorCode::kUnavailable, "no answer"};
  const Findings findings = CheckEtcd(facts);
  ASSERT_EQ(findings.size(), 3U);
  for (const Finding& finding : findings) EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_EQ(findings[0].check, "member");
  EXPECT_EQ(findings[1].check, "leader");
  EXPECT_EQ(findings[2].check, "read");
}

TEST(EtcdChecksTest, AMemberThatRefusesNeedsCredentials) {
  EtcdFacts facts = Healthy();
  facts.members[0].status.reset();
  facts.members[0].error = {ErrorCode::kDenied, "certificate not trusted"};
  EXPECT_THAT(Only(facts).remedy, HasSubstr("--cacert"));
}

TEST(EtcdChecksTest, MissingRightsNameTheCommandThatGrantsThem) {
  EtcdFacts facts = Healthy();
  facts.write_failed = Error{ErrorCode::kDenied, "permission denied"};
  const Finding finding = Only(facts);
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_EQ(finding.check, "write");
  EXPECT_THAT(finding.remedy, HasSubstr("readwrite monopod/"));
}

TEST(EtcdChecksTest, AVersionWithBugsNamesThemAndTheCure) {
  EtcdFacts facts = Healthy();
  facts.members[2].status->version = "3.4.23";
  const Finding finding = Only(facts);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(finding.check, "version");
  EXPECT_THAT(finding.message, HasSubstr("etcd-io/etcd#15247"));
  EXPECT_THAT(finding.remedy, HasSubstr("3.4.44"));
  facts.members[2].status->version = "3.5.1";
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
}

TEST(EtcdChecksTest, AMemberThatDoesNotKeepUpIsFoundByItsLog) {
  EtcdFacts facts = Healthy();
  facts.members[1].status->raft_index = 9'000;
  facts.members[1].status->raft_applied_index = 9'000;
  Finding finding = Only(facts);
  EXPECT_EQ(finding.check, "lag");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.message, HasSubstr("1000 entries"));
  facts.members[1].status->raft_applied_index = 4'000;
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
  facts.members[1].status->raft_applied_index = 9'990;
  EXPECT_THAT(CheckEtcd(facts), IsEmpty());
}

TEST(EtcdChecksTest, SizeIsJudgedByTheQuota) {
  EtcdFacts facts = Healthy();
  facts.members = {Member(1)};
  facts.quota = 100 * kMebibyte;
  etcd::MemberStatus& status = *facts.members[0].status;
  status.database_bytes = 85 * kMebibyte;
  status.database_bytes_in_use = 80 * kMebibyte;
  Finding finding = Only(facts);
  EXPECT_EQ(finding.check, "size");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.remedy, HasSubstr("compact"));
  status.database_bytes = 99 * kMebibyte;
  status.database_bytes_in_use = 1 * kMebibyte;
  finding = Only(facts);
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_THAT(finding.remedy, HasSubstr("--endpoints=host1:2379 defrag"));
}

TEST(EtcdChecksTest, AlarmsAreCriticalAndNameTheMember) {
  EtcdFacts facts = Healthy();
  facts.alarms = {{.member = 2, .kind = etcd::Alarm::Kind::kNoSpace}};
  Finding finding = Only(facts);
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_EQ(finding.subject, "host2:2379");
  EXPECT_THAT(finding.remedy, HasSubstr("alarm disarm"));
  facts.alarms = {{.member = 0xabc, .kind = etcd::Alarm::Kind::kCorrupt}};
  finding = Only(facts);
  EXPECT_EQ(finding.subject, "member abc");
  EXPECT_THAT(finding.message, HasSubstr("CORRUPT"));
  facts.alarms = {{.member = 1, .kind = etcd::Alarm::Kind::kOther}};
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
}

TEST(EtcdChecksTest, AControlPlanesEtcdIsNoPlaceForLocks) {
  EtcdFacts facts = Healthy();
  facts.kubernetes = true;
  const Finding finding = Only(facts);
  EXPECT_EQ(finding.check, "kubernetes");
  EXPECT_EQ(finding.severity, Severity::kWarning);
}

TEST(EtcdChecksTest, TheSmallestTtlLeavesTenTimesTheCommitForOneTry) {
  EXPECT_EQ(SmallestSensibleTtl(1ms), 2s);
  EXPECT_EQ(SmallestSensibleTtl(50ms), 3s);
  EXPECT_EQ(SmallestSensibleTtl(250ms), 15s);
  EXPECT_EQ(SmallestSensibleTtl(300ms), 18s);
  EXPECT_EQ(SmallestSensibleTtl(301ms), std::nullopt);
}

TEST(EtcdChecksTest, SlowCommitsAreJudgedByTheSlowest) {
  EtcdFacts facts = Healthy();
  facts.commits = {1ms, 280ms, 2ms};
  Finding finding = Only(facts);
  EXPECT_EQ(finding.check, "latency");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.remedy, HasSubstr("--ttl 17s"));
  facts.commits = {400ms};
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
  facts.commits.clear();
  EXPECT_THAT(CheckEtcd(facts), IsEmpty());
}

TEST(EtcdChecksTest, ALockWithATtlTooShortForTheClusterIsNamed) {
  EtcdFacts facts = Healthy();
  facts.commits = {100ms};
  const std::string value = etcd::Encode(etcd::MemberValue{.ttl = 2s, .kill = 1600ms});
  facts.locks = {
      {.name = "x",
       .contents = {
           .members = {{.key = "monopod/locks/x/~1-a", .value = value, .create_revision = 5}}}}};
  const Finding finding = Only(facts);
  EXPECT_EQ(finding.check, "ttl");
  EXPECT_EQ(finding.subject, "x");
  EXPECT_THAT(finding.remedy, HasSubstr("--ttl 6s"));
}

TEST(EtcdChecksTest, TheWorstComesFirst) {
  EtcdFacts facts = Healthy();
  facts.kubernetes = true;
  facts.members[0].status->version = "3.4.23";
  facts.alarms = {{.member = 1, .kind = etcd::Alarm::Kind::kNoSpace}};
  std::vector<std::string> checks;
  for (const Finding& finding : CheckEtcd(facts)) checks.push_back(finding.check);
  EXPECT_THAT(checks, ElementsAre("alarm", "version", "kubernetes"));
  EXPECT_EQ(Worst(CheckEtcd(facts)), Severity::kCritical);
}

}  // namespace
}  // namespace monopod::doctor
