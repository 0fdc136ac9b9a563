#include "src/kube/client/http_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <limits>

namespace monopod::kube {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr std::uint32_t kHeaderLimit = 64 * 1024;
// A server that sends more "100 Continue" than this means no good.
constexpr int kMostInterim = 8;

// What is wanted of an answer, and nothing else.
class Parser : public http::basic_parser<false> {
 public:
  Parser() {
    header_limit(kHeaderLimit);
    // In this version none at all means zero where the answer has a length.
    body_limit(std::numeric_limits<std::uint64_t>::max());
    eager(true);
  }

  int status = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::string location;
  std::string body;

 private:
  void on_request_impl(http::verb /*verb*/, string_view /*method*/, string_view /*target*/,
                       int /*version*/, error_code& /*error*/) override {}
  void on_response_impl(int code, string_view /*reason*/, int /*version*/,
                        error_code& /*error*/) override {
    status = code;
  }
  void on_field_impl(http::field name, string_view /*text*/, string_view value,
                     error_code& /*error*/) override {
    if (name == http::field::location) location = std::string(value.data(), value.size());
    if (name != http::field::retry_after) return;
    // The other form, a date, would need clocks that agree; the API server does not use it.
    int seconds = 0;
    const auto [rest, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    const bool is_number = failed == std::errc() && rest == value.data() + value.size();
    if (is_number && seconds >= 0) retry_after = std::chrono::seconds(std::min(seconds, 86400));
  }
  void on_header_impl(error_code& /*error*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         error_code& /*error*/) override {}
  std::size_t on_body_impl(string_view bytes, error_code& /*error*/) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, string_view /*extensions*/,
                            error_code& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, string_view bytes,
                                 error_code& error) override {
    return on_body_impl(bytes, error);
  }
  void on_finish_impl(error_code& /*error*/) override {}
};

}  // namespace

std::string RenderRequest(const RequestHead& head, const Headers& headers, std::string_view body) {
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", head.method, head.target, head.host);
  for (const auto& [name, value] : headers) text += fmt::format("{}: {}\r\n", name, value);
  const bool has_body = !body.empty() || head.method.starts_with('P');  // POST, PUT, PATCH
  if (has_body) text += fmt::format("Content-Length: {}\r\n", body.size());
  text += "\r\n";
  text += body;
  return text;
}

struct AnswerParser::Impl {
  // "100 Continue" and its like come before the answer.
  bool IsInterim() const { return parser->status >= 100 && parser->status < 200; }

  std::unique_ptr<Parser> parser = std::make_unique<Parser>();
  std::string unread;  // a header's or a chunk's beginning, which is read when it is whole
  int interim = 0;
};

AnswerParser::AnswerParser() : impl_(std::make_unique<Impl>()) {}
AnswerParser::~AnswerParser() = default;

std::optional<std::string> AnswerParser::Feed(std::string_view bytes) {
  std::string& unread = impl_->unread;
  unread += bytes;
  while (!unread.empty()) {
    if (is_done()) return "more was sent than asked for";
    error_code error;
    const std::size_t used =
        impl_->parser->put(boost::asio::const_buffer(unread.data(), unread.size()), error);
    unread.erase(0, used);
    if (error == http::error::need_more) return std::nullopt;
    if (error == http::error::header_limit) return "the answer's header is too large";
    if (error || used == 0) return "it is no HTTP: " + error.message();
    if (impl_->parser->is_done() && impl_->IsInterim()) {
      if (++impl_->interim > kMostInterim) return "it is no HTTP: interim answers only";
      impl_->parser = std::make_unique<Parser>();
    }
  }
  return std::nullopt;
}

std::optional<std::string> AnswerParser::FeedEnd() {
  if (is_done()) return std::nullopt;
  error_code error;
  // An answer without a length ends with its connection.
  if (has_header() && impl_->unread.empty()) impl_->parser->put_eof(error);
  if (is_done() && !error) return std::nullopt;
  return "the connection was closed";
}

bool AnswerParser::has_header() const { return impl_->parser->is_header_done(); }
bool AnswerParser::is_done() const { return impl_->parser->is_done() && !impl_->IsInterim(); }
bool AnswerParser::keeps_connection() const {
  return is_done() && impl_->parser->keep_alive() && !impl_->parser->need_eof();
}
int AnswerParser::status() const { return impl_->parser->status; }
std::optional<std::chrono::seconds> AnswerParser::retry_after() const {
  return impl_->parser->retry_after;
}
std::string AnswerParser::location() const { return impl_->parser->location; }
std::string AnswerParser::TakeBody() { return std::exchange(impl_->parser->body, {}); }

}  // namespace monopod::kube
