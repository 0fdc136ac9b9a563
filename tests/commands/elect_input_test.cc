// What `monopod elect` refuses before it looks at its store, and its help.
#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using ElectInputTest = CommandTest;

TEST_F(ElectInputTest, BadInputIsRefusedBeforeAnythingHappens) {
  const auto refused = [&](const Arguments& arguments, const std::string& message) {
    const Ended ended = Finish(Words({"elect"}, arguments));
    EXPECT_EQ(ended.code, 64) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr(message));
    EXPECT_EQ(ended.out, "");
  };
  refused({"x"}, "a leader would do nothing");
  refused({"x", "--on-stop", "true"}, "a leader would do nothing");
  refused({"x", "--", ""}, "has no name");
  refused({"No Name", "--", "true"}, "is not a lock name");
  refused({"x.preferred", "--", "true"}, "reserved for the candidates of the election");
  refused({"x", "--priority", "-1", "--", "true"}, "--priority");
  refused({"x", "--ttl", "1s", "--", "true"}, "1s");
  refused({"x", "--hook-timeout", "soon", "--", "true"}, "--hook-timeout");
  refused({"x", "--label-pod"}, "POD_NAMESPACE");
  EXPECT_EQ(Log(), "");
}

TEST_F(ElectInputTest, TheHelpHasExamples) {
  const Ended help = Finish({"elect", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("monopod elect scheduler -- ./schedule"));
  EXPECT_THAT(help.out, HasSubstr("--priority"));
  EXPECT_THAT(help.err, Not(HasSubstr("error")));
}

}  // namespace
}  // namespace monopod::testing
