#include "src/lock/store_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace monopod::lock {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// Environment variables as a test wants them; as they were afterwards.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    if (value == nullptr)
      unsetenv(name);
    else
      setenv(name, value, 1);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() {
    if (before_)
      setenv(name_, before_->c_str(), 1);
    else
      unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(StoreUrlTest, KnowsMemoryAndSqlite) {
  EXPECT_EQ(ParseStoreUrl("memory:")->kind, StoreUrl::Kind::kMemory);
  const auto sqlite = ParseStoreUrl("sqlite:/var/lib/x.db");
  ASSERT_TRUE(sqlite.has_value());
  EXPECT_EQ(sqlite->path, "/var/lib/x.db");
  EXPECT_EQ(sqlite->ToString(), "sqlite:/var/lib/x.db");
  EXPECT_FALSE(sqlite->is_default);
}

TEST(StoreUrlTest, ARelativePathIsMadeAbsolute) {
  const auto url = ParseStoreUrl("sqlite:locks.db");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->path.front(), '/');
  EXPECT_THAT(url->path, EndsWith("/locks.db"));
}

TEST(StoreUrlTest, OthersAreRefusedWithTheListOfWhatThereIs) {
  for (const char* text :
       {"zookeeper://h:2181", "lease", "Lease:", "configmap", "sqlite", "/a/path", "Memory:"}) {
    const auto url = ParseStoreUrl(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(url.error().message, HasSubstr("this build has lease:[NAMESPACE], configmap:"));
    EXPECT_THAT(url.error().message, HasSubstr(text));
  }
  EXPECT_FALSE(ParseStoreUrl("memory:x").has_value());
  EXPECT_FALSE(ParseStoreUrl("sqlite:").has_value());
  EXPECT_FALSE(ParseStoreUrl(std::string_view("sqlite:a\0b", 10)).has_value());
}

TEST(StoreUrlTest, InAPodTheDefaultIsItsLeases) {
  const ScopedVariable pod("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  const auto url = ParseStoreUrl("");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->ToString(), "lease:");
  EXPECT_TRUE(url->shared());
}

TEST(StoreUrlTest, KnowsTheTwoOfKubernetes) {
  const auto lease = ParseStoreUrl("lease:team-a");
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(lease->kind, StoreUrl::Kind::kLease);
  EXPECT_EQ(lease->path, "team-a");
  const auto config_map = ParseStoreUrl("configmap:");
  ASSERT_TRUE(config_map.has_value());
  EXPECT_EQ(config_map->kind, StoreUrl::Kind::kConfigMap);
  EXPECT_EQ(config_map->ToString(), "configmap:");
  for (const char* text : {"lease:Team", "lease:a.b", "configmap:a/b", "lease:-a"}) {
    const auto url = ParseStoreUrl(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_THAT(url.error().message, HasSubstr("namespace"));
  }
}

TEST(StoreUrlTest, TwoNamespacesAreOneTooMany) {
  ClientOptions options;
  options.kubernetes.namespace_ = "b";
  const auto opened = OpenStore(*ParseStoreUrl("lease:a"), options);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(opened.error().message, HasSubstr("two namespaces"));
}

TEST(StoreUrlTest, TheDefaultIsAFileOfThisMachine) {
  const ScopedVariable no_pod("KUBERNETES_SERVICE_HOST", nullptr);
  const ScopedVariable state("XDG_STATE_HOME", "/home/u/state");
  const auto url = ParseStoreUrl("");
  ASSERT_TRUE(url.has_value());
  EXPECT_TRUE(url->is_default);
  // Root's shells must meet whatever their environment says.
  EXPECT_EQ(url->path,
            geteuid() == 0 ? "/var/lib/monopod/monopod.db" : "/home/u/state/monopod/monopod.db");
}

TEST(StoreUrlTest, AMemoryStoreIsOpenedEmpty) {
  const auto opened = OpenStore(*ParseStoreUrl("memory:"), {});
  ASSERT_TRUE(opened.has_value());
  EXPECT_TRUE(opened->backend->List(BootClock::now() + std::chrono::seconds(1))->empty());
}

}  // namespace
}  // namespace monopod::lock
