#include "src/doctor/known_bugs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace monopod::doctor {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string_view> ReferencesOf(std::string_view version) {
  std::vector<std::string_view> references;
  for (const KnownBug* bug : BugsOf(*ParseEtcdVersion(version))) {
    references.push_back(bug->reference);
  }
  return references;
}

TEST(KnownBugsTest, VersionsAreReadAsEtcdWritesThem) {
  EXPECT_EQ(ParseEtcdVersion("3.4.23"), (EtcdVersion{3, 4, 23}));
  EXPECT_EQ(ParseEtcdVersion("3.5.0-rc.1"), (EtcdVersion{3, 5, 0}));
  for (const char* text : {"", "3", "3.4", "3.4.", "v3.4.1", "3.-4.1", "not decided"}) {
    EXPECT_FALSE(ParseEtcdVersion(text)) << text;
  }
}

TEST(KnownBugsTest, DebiansVersionHasThoseThatWereFixedLater) {
  const auto bugs = ReferencesOf("3.4.23");
  EXPECT_THAT(bugs, Contains("etcd-io/etcd#15247"));
  EXPECT_THAT(bugs, Contains("CVE-2026-33343"));
  EXPECT_THAT(bugs, Not(Contains("etcd-io/etcd#13766")));
  EXPECT_THAT(bugs, Not(Contains("etcd-io/etcd#14370")));
}

TEST(KnownBugsTest, ABugEndsWithTheFirstFixedPatch) {
  EXPECT_THAT(ReferencesOf("3.4.30"), Contains("etcd-io/etcd#15247"));
  EXPECT_THAT(ReferencesOf("3.4.31"), Not(Contains("etcd-io/etcd#15247")));
  EXPECT_THAT(ReferencesOf("3.5.12"), Contains("etcd-io/etcd#15247"));
  EXPECT_THAT(ReferencesOf("3.6.0"), Not(Contains("etcd-io/etcd#15247")));
  EXPECT_THAT(ReferencesOf("3.3.27"), Contains("etcd-io/etcd#15247"));
}

TEST(KnownBugsTest, ABugBeginsWhereItCame) {
  EXPECT_THAT(ReferencesOf("3.4.19"), Not(Contains("etcd-io/etcd#14571")));
  EXPECT_THAT(ReferencesOf("3.4.20"), Contains("etcd-io/etcd#14571"));
  EXPECT_THAT(ReferencesOf("3.5.2"), Contains("etcd-io/etcd#13766"));
  EXPECT_THAT(ReferencesOf("3.5.3"), Not(Contains("etcd-io/etcd#13766")));
}

TEST(KnownBugsTest, ANewerVersionIsGood) {
  EXPECT_THAT(ReferencesOf("3.6.11"), IsEmpty());
  EXPECT_THAT(ReferencesOf("3.7.0"), IsEmpty());
  EXPECT_THAT(ReferencesOf("4.0.0"), IsEmpty());
}

TEST(KnownBugsTest, TheFirstPatchWithoutAnyIsNamed) {
  for (const char* text : {"3.4.23", "3.5.1", "3.6.2"}) {
    const EtcdVersion version = *ParseEtcdVersion(text);
    const auto fixed = FirstWithout(version, BugsOf(version));
    ASSERT_TRUE(fixed) << text;
    EXPECT_THAT(BugsOf(*fixed), IsEmpty()) << text;
  }
  const EtcdVersion old{3, 3, 27};
  EXPECT_FALSE(FirstWithout(old, BugsOf(old)));
}

TEST(KnownBugsTest, EachEntryIsComplete) {
  for (const KnownBug& bug : KnownBugs()) {
    EXPECT_FALSE(bug.what.empty()) << bug.reference;
    EXPECT_FALSE(bug.fixed.empty()) << bug.reference;
    EXPECT_TRUE(std::ranges::is_sorted(bug.fixed)) << bug.reference;
    EXPECT_GT(bug.severity, Severity::kOk) << bug.reference;
  }
}

}  // namespace
}  // namespace monopod::doctor
