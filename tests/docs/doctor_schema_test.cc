// What docs/OUTPUT.md says of `monopod doctor`, against the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/docs/schema.h"
#include "tests/support/etcd_server.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::IsEmpty;
using Arguments = std::vector<std::string>;

class DoctorSchemaTest : public ::testing::Test {
 protected:
  void Check(const std::string& heading, const std::string& store, const Arguments& arguments) {
    Arguments argv = {MONOPOD_BINARY, "--store", store};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"-o", "json"});
    Process process(argv);
    process.Wait();
    schema_.CheckResult(heading, Json::parse(process.out(), nullptr, false));
  }

  Schema schema_{ReadFile(MONOPOD_SOURCE_DIR "/docs/OUTPUT.md")};
  TemporaryDirectory directory_;
};

TEST_F(DoctorSchemaTest, ResultsAreAsDocumented) {
  const EtcdServer server;
  Check("doctor", server.Url() + ",127.0.0.1:1", {"doctor"});
  Check("doctor", "etcd://127.0.0.1:1", {"doctor"});

  const std::string file = "sqlite:" + directory_.File("locks.db");
  Process held({MONOPOD_BINARY, "--store", file, "run", "x", "--", "true"});
  EXPECT_EQ(held.Wait(), 0) << held.err();
  Check("doctor", file, {"doctor"});

  Process leased({MONOPOD_BINARY, "--store", server.Url(), "acquire", "x", "--ttl", "1m"});
  EXPECT_EQ(leased.Wait(), 0) << leased.err();
  Check("doctor keys", server.Url(), {"doctor", "keys"});

  EXPECT_THAT(schema_.faults(), IsEmpty());
  EXPECT_THAT(schema_.Unseen({"doctor", "doctor keys"}), IsEmpty());
}

}  // namespace
}  // namespace monopod::testing
