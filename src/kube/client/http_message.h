// Requests as bytes, and bytes as answers: HTTP/1.1, by Boost.Beast.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace monopod::kube {

using Headers = std::vector<std::pair<std::string, std::string>>;

// `target` and the headers must have no spaces and line ends where they do not belong.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::string_view host;
};
std::string RenderRequest(const RequestHead& head, const Headers& headers, std::string_view body);

// One answer, as it arrives. What has come of the body can be taken before all of it has; its
// length is for the caller to limit.
class AnswerParser {
 public:
  AnswerParser();
  AnswerParser(const AnswerParser&) = delete;
  AnswerParser& operator=(const AnswerParser&) = delete;
  ~AnswerParser();

  // What is wrong with it, or nothing. After that it is of no use.
  std::optional<std::string> Feed(std::string_view bytes);
  // The connection was closed.
  std::optional<std::string> FeedEnd();

  bool has_header() const;
  bool is_done() const;
  // The connection serves further requests.
  bool keeps_connection() const;

  int status() const;
  std::optional<std::chrono::seconds> retry_after() const;
  std::string location() const;
  std::string TakeBody();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace monopod::kube
