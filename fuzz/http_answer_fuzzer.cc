// What a server may send: an answer means the same in one piece and byte by byte.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/kube/client/http_message.h"

using monopod::fuzz::Check;
using monopod::kube::AnswerParser;

namespace {

struct Read {
  AnswerParser answer;
  std::string body;
  bool is_fine = true;
};

void FeedPieces(std::string_view text, std::size_t size, Read& read) {
  while (!text.empty() && read.is_fine) {
    read.is_fine = !read.answer.Feed(text.substr(0, size));
    read.body += read.answer.TakeBody();
    text.remove_prefix(std::min(size, text.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Read whole;
  Read bytes;
  FeedPieces(text, std::max<std::size_t>(size, 1), whole);
  FeedPieces(text, 1, bytes);
  Check(whole.body.size() <= size && bytes.body.size() <= size);
  if (!whole.is_fine || !bytes.is_fine) return 0;
  Check(whole.answer.is_done() == bytes.answer.is_done());
  Check(whole.answer.has_header() == bytes.answer.has_header());
  Check(whole.body == bytes.body);
  if (!whole.answer.is_done()) {
    Check(whole.answer.FeedEnd().has_value() == bytes.answer.FeedEnd().has_value());
  }
  if (!whole.answer.has_header()) return 0;
  Check(whole.answer.status() == bytes.answer.status());
  Check(whole.answer.retry_after() == bytes.answer.retry_after());
  Check(whole.answer.keeps_connection() == bytes.answer.keeps_connection());
  return 0;
}
