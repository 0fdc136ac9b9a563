// The lines of a watch, as they arrive.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/kube/api.h"
#include "src/kube/client/connection.h"
#include "src/kube/client/http_message.h"

namespace monopod::kube {

class HttpEventStream : public EventStream {
 public:
  // `answer` has its header, and perhaps a part of its body, or all of it; then `connection` may be
  // nullptr. `server` is for messages.
  HttpEventStream(std::string server, std::unique_ptr<Connection> connection,
                  std::unique_ptr<AnswerParser> answer);

  Result<std::optional<std::string>> Next(BootTime deadline, const std::stop_token& stop) override;

 private:
  std::optional<std::string> TakeLine();
  Error Over(const std::string& reason);

  const std::string server_;
  std::unique_ptr<Connection> connection_;  // nullptr: over, but for lines that are there
  const std::unique_ptr<AnswerParser> answer_;
  std::string unread_;
  std::size_t searched_ = 0;                 // of unread_: has no end of a line
  std::string end_ = "the server ended it";  // why it is over
};

}  // namespace monopod::kube
