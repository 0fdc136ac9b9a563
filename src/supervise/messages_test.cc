#include "src/supervise/messages.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "src/supervise/file_descriptor.h"

namespace monopod::supervise {
namespace {

struct Ends {
  FileDescriptor monopod;
  FileDescriptor guardian;
};

Ends Connect() {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {.monopod = FileDescriptor(ends[0]), .guardian = FileDescriptor(ends[1])};
}

TEST(MessagesTest, NothingIsReceivedWhileNothingWasSent) {
  const Ends ends = Connect();
  EXPECT_FALSE(ReceiveReport(ends.monopod.get()));
}

TEST(MessagesTest, NothingIsReceivedFromAGuardianThatDiedSilently) {
  Ends ends = Connect();
  ends.guardian.Close();
  EXPECT_FALSE(ReceiveReport(ends.monopod.get()));
}

// A signal that was forwarded too late to be read made the kernel report a reset connection
// before the guardian's last words, which were lost: the command counted as killed.
TEST(MessagesTest, LastWordsOutliveAGuardianThatLeftARequestUnread) {
  Ends ends = Connect();
  const Report last{.kind = Report::Kind::kEnd,
                    .end = {.kind = CommandEnd::Kind::kExited, .code = 7}};
  ASSERT_EQ(send(ends.guardian.get(), &last, sizeof last, 0), ssize_t{sizeof last});
  const Request late{.kind = Request::Kind::kForward, .signal = 15};
  ASSERT_EQ(send(ends.monopod.get(), &late, sizeof late, 0), ssize_t{sizeof late});
  ends.guardian.Close();
  const auto received = ReceiveReport(ends.monopod.get());
  ASSERT_TRUE(received);
  EXPECT_EQ(received->end.code, 7);
}

}  // namespace
}  // namespace monopod::supervise
