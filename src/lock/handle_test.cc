#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "monopod/lock_client.h"

namespace monopod {
namespace {

TEST(HandleTest, TextAndBack) {
  const Handle handle{
      .lock = "a.b-c", .slot = 3, .token = 42, .instance = "0123456789abcdef0123456789abcdef"};
  EXPECT_EQ(handle.ToString(), "a.b-c:3:42:0123456789abcdef0123456789abcdef");
  const auto parsed = Handle::Parse(handle.ToString());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->lock, handle.lock);
  EXPECT_EQ(parsed->slot, handle.slot);
  EXPECT_EQ(parsed->token, handle.token);
  EXPECT_EQ(parsed->instance, handle.instance);
}

TEST(HandleTest, RefusesWhatIsNoneAndDoesNotRepeatIt) {
  const std::string nonce = "0123456789abcdef0123456789abcdef";
  for (const std::string& text : std::vector<std::string>{
           "", "x", "x:0:1", "x:0:1:" + nonce + ":", "X:0:1:" + nonce, "x:128:1:" + nonce,
           "x:-1:1:" + nonce, "x:0:one:" + nonce, "x:0:-1:" + nonce, "x:0:1:" + nonce + "0",
           "x:0:1:" + nonce.substr(1) + "G", "x:0:99999999999999999999:" + nonce,
           " x:0:1:" + nonce}) {
    const auto parsed = Handle::Parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(parsed.error().message.find(nonce), std::string::npos) << "it may be a secret";
  }
}

}  // namespace
}  // namespace monopod
