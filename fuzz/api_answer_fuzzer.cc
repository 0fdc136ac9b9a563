// What an API server may answer: objects, lists in pages, refusals, and things that are none of
// these. The first byte chooses the store; the answers follow, each a status and a body, with lines
// that say "%" between them. The calls of a store take them in order.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/check.h"
#include "fuzz/pieces.h"
#include "src/kube/kube_store.h"

namespace monopod::kube {

using monopod::fuzz::Check;
using monopod::protocol::Record;

namespace {

class ScriptedApi : public Api {
 public:
  explicit ScriptedApi(std::string_view text) {
    monopod::fuzz::ForEachPiece(text, "\n%\n", [&](std::string_view answer) {
      Response response{.status = 200, .body = {}, .retry_after = {}};
      const std::string copy(answer);
      const char* const end = copy.data() + copy.size();
      const auto parsed = std::from_chars(copy.data(), end, response.status);
      response.body.assign(parsed.ptr, end);
      answers_.push_back(std::move(response));
    });
  }
  Result<Response> Send(const Request& request, BootTime) override {
    Check(request.path.starts_with('/'));
    if (answers_.empty()) return monopod::Fail(ErrorCode::kUnavailable, "no answer");
    Response response = std::move(answers_.front());
    answers_.pop_front();
    return response;
  }
  Result<Opened> Watch(const std::string&, BootTime) override {
    return monopod::Fail(ErrorCode::kUnavailable, "no watch");
  }

 private:
  std::deque<Response> answers_;
};

void CheckError(const Error& error) {
  Check(!error.message.empty());
  Check(error.code != ErrorCode::kInternal && error.code != ErrorCode::kNotHolder);
}

void Use(KubeStore& store, BootTime deadline) {
  const auto listed = store.List(deadline);
  if (listed) {
    Check(std::ranges::is_sorted(*listed, {}, &monopod::protocol::Listed::name));
  } else {
    CheckError(listed.error());
  }
  const auto read = store.Read("x", deadline);
  if (!read) return CheckError(read.error());
  if (read->exists()) Check(read->next_token > read->record.token);
  Record record = read->exists() ? read->record : Record{};
  record.token = read->next_token;
  const auto written = store.Write("x", read->version, record, deadline);
  if (!written) return CheckError(written.error());
  Check(!written->version.empty() && written->next_token > record.token);
  const auto removed = store.Remove("x", written->version, deadline);
  if (!removed) CheckError(removed.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  KubeStore store({.api = std::make_shared<ScriptedApi>(text),
                   .kind = (data[0] & 1) != 0 ? ObjectKind::kLease : ObjectKind::kConfigMap,
                   .all_namespaces = (data[0] & 2) != 0});
  Use(store, BootClock::now() + std::chrono::hours(1));
  return 0;
}

}  // namespace monopod::kube
