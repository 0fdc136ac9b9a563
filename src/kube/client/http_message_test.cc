#include "src/kube/client/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monopod::kube {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RequestTest, IsRendered) {
  EXPECT_EQ(RenderRequest({.method = "PUT", .target = "/a?b=c", .host = "h:1"}, {{"X", "y"}}, "{}"),
            "PUT /a?b=c HTTP/1.1\r\nHost: h:1\r\nX: y\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_THAT(RenderRequest({.method = "POST", .target = "/", .host = "h"}, {}, ""),
              HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(RenderRequest({.method = "GET", .target = "/", .host = "h"}, {}, ""),
              Not(HasSubstr("Content-Length")));
}

TEST(AnswerTest, MeansTheSameInPiecesOfAnySize) {
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 7\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\n\r\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    AnswerParser answer;
    std::string body;
    for (std::size_t at = 0; at < text.size(); at += size) {
      EXPECT_FALSE(answer.is_done());
      const auto wrong = answer.Feed(std::string_view(text).substr(at, size));
      ASSERT_FALSE(wrong) << *wrong << " in pieces of " << size;
      body += answer.TakeBody();
    }
    EXPECT_TRUE(answer.is_done());
    EXPECT_TRUE(answer.keeps_connection());
    EXPECT_EQ(answer.status(), 429);
    EXPECT_EQ(answer.retry_after(), seconds(7));
    EXPECT_EQ(body, "abc0123456789");
  }
}

// Boost 1.74 asserted that it cannot be.
TEST(AnswerTest, EmptyBodyInChunksMayBeSplitAnywhere) {
  AnswerParser answer;
  for (const char c :
       std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")) {
    EXPECT_FALSE(answer.is_done());
    EXPECT_FALSE(answer.Feed({&c, 1}));
  }
  EXPECT_TRUE(answer.is_done());
}

TEST(AnswerTest, WithoutLengthEndsWithTheConnection) {
  AnswerParser answer;
  EXPECT_FALSE(answer.Feed("HTTP/1.1 200 OK\r\n\r\nabc"));
  EXPECT_TRUE(answer.has_header());
  EXPECT_FALSE(answer.is_done());
  EXPECT_FALSE(answer.FeedEnd());
  EXPECT_TRUE(answer.is_done());
  EXPECT_FALSE(answer.keeps_connection());
  EXPECT_EQ(answer.TakeBody(), "abc");
}

TEST(AnswerTest, ConnectionIsNotKeptIfTheServerSaysSo) {
  for (const char* head : {"HTTP/1.1 200 OK\r\nConnection: close\r\n", "HTTP/1.0 200 OK\r\n"}) {
    AnswerParser answer;
    EXPECT_FALSE(answer.Feed(head + std::string("Content-Length: 1\r\n\r\nx")));
    EXPECT_TRUE(answer.is_done());
    EXPECT_FALSE(answer.keeps_connection());
  }
}

TEST(AnswerTest, CutOffIsNoAnswer) {
  for (const char* text :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"}) {
    AnswerParser answer;
    EXPECT_FALSE(answer.Feed(text));
    EXPECT_FALSE(answer.is_done());
    EXPECT_TRUE(answer.FeedEnd()) << text;
    EXPECT_FALSE(answer.is_done()) << text;
  }
}

TEST(AnswerTest, NonsenseIsNoHttp) {
  const std::string interim = "HTTP/1.1 102 Wait\r\n\r\n";
  std::string much_interim;
  for (int i = 0; i < 20; ++i) much_interim += interim;
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const std::string& text :
       {std::string("garbage, and more of it\r\n"), std::string("\0\0\0\0\0\0\0\0", 8),
        std::string("HTTP/9.9 200 OK\r\n\r\n"), head + "Content-Length: -1\r\n\r\n",
        head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", head + "Content-Length: 1\r\n\r\nxy",
        much_interim}) {
    AnswerParser answer;
    EXPECT_TRUE(answer.Feed(text)) << text;
  }
}

TEST(AnswerTest, HeaderHasALimit) {
  AnswerParser answer;
  EXPECT_FALSE(answer.Feed("HTTP/1.1 200 OK\r\nX: "));
  std::optional<std::string> wrong;
  for (int i = 0; i < 100 && !wrong; ++i) wrong = answer.Feed(std::string(1024, 'x'));
  ASSERT_TRUE(wrong);
  EXPECT_THAT(*wrong, HasSubstr("too large"));
}

TEST(AnswerTest, RetryAfterIsANumberOrNothing) {
  for (const char* value : {"soon", "-1", "Fri, 21 Nov 2026 17:00:00 GMT", "99999999999", "1 s"}) {
    AnswerParser answer;
    EXPECT_FALSE(answer.Feed("HTTP/1.1 503 X\r\nRetry-After: " + std::string(value) +
                             "\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(answer.is_done());
    EXPECT_FALSE(answer.retry_after()) << value;
  }
}

}  // namespace
}  // namespace monopod::kube
