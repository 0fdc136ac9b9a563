// The lines of a watch. The first byte says how they are cut into pieces on their way, which must
// make no difference; then a lock is watched through them.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/check.h"
#include "fuzz/pieces.h"
#include "src/kube/client/event_stream.h"
#include "src/kube/lock_watch.h"
#include "src/kube/record_codec.h"

namespace monopod::kube {

using monopod::fuzz::Check;

namespace {

using Lines = std::deque<std::string>;

// Longer ones would fill the socket before anybody reads it.
constexpr std::size_t kLongest = 100'000;

// Two ends of a connection, of which one is the client's.
class Wire {
 public:
  Wire() {
    const int listener = Listener();
    auto connected = Socket::Connect(Here(), BootTime::max());
    Check(connected.has_value());
    client_ = std::move(*connected);
    server_ = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    Check(server_ >= 0);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(server_); }

  std::unique_ptr<Connection> TakeClient() {
    return std::make_unique<Connection>(std::move(client_));
  }
  void Send(std::string_view bytes) const {
    Check(send(server_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  }
  void End() const { shutdown(server_, SHUT_WR); }

 private:
  // An abstract address: no file.
  static Address Here() {
    Address address;
    auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
    local->sun_family = AF_UNIX;
    const std::string name = "monopod-watch-fuzzer-" + std::to_string(getpid());
    name.copy(local->sun_path + 1, sizeof local->sun_path - 1);
    address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    return address;
  }
  static int Listener() {
    static const int kListener = [] {
      const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const Address here = Here();
      Check(bind(made, reinterpret_cast<const sockaddr*>(&here.storage), here.size) == 0);
      Check(listen(made, 1) == 0);
      return made;
    }();
    return kListener;
  }

  std::unique_ptr<Socket> client_;
  int server_ = -1;
};

// What the client makes of a body that arrives in pieces.
Lines LinesOf(std::string_view body, unsigned longest_piece) {
  Wire wire;
  auto answer = std::make_unique<AnswerParser>();
  Check(!answer->Feed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
  HttpEventStream stream("server", wire.TakeClient(), std::move(answer));
  std::minstd_rand random(longest_piece);
  Lines lines;
  // Takes what is there. False if the stream is over.
  const auto drain = [&] {
    for (;;) {
      auto line = stream.Next(BootTime{}, {});
      if (!line) return false;
      if (!*line) return true;
      lines.push_back(**std::move(line));
    }
  };
  while (!body.empty()) {
    const std::size_t size = std::min<std::size_t>(1 + random() % longest_piece, body.size());
    wire.Send(body.substr(0, size));
    body.remove_prefix(size);
    Check(drain());
  }
  wire.End();
  while (drain()) {
  }
  return lines;
}

Lines ExpectedLines(std::string_view body) {
  Lines lines;
  monopod::fuzz::ForEachPiece(body, "\n", [&](std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  });
  lines.pop_back();  // has no end
  std::erase(lines, "");
  return lines;
}

// Gives one line a call, and asks its caller to stop, so that nobody pauses.
struct Script {
  Lines lines;
  std::stop_source* stop = nullptr;
};

class ScriptedStream : public EventStream {
 public:
  explicit ScriptedStream(Script& script) : script_(script) {}
  Result<std::optional<std::string>> Next(BootTime, const std::stop_token&) override {
    script_.stop->request_stop();
    if (script_.lines.empty()) return monopod::Fail(ErrorCode::kUnavailable, "over");
    std::string line = std::move(script_.lines.front());
    script_.lines.pop_front();
    return line;
  }

 private:
  Script& script_;
};

class ScriptedApi : public Api {
 public:
  explicit ScriptedApi(Script& script) : script_(script) {}
  Result<Response> Send(const Request&, BootTime) override {
    return monopod::Fail(ErrorCode::kUnavailable, "no answer");
  }
  Result<Opened> Watch(const std::string& path, BootTime) override {
    Check(path.starts_with("/collection?watch=1&"));
    return Opened{.response = {.status = 200, .body = {}, .retry_after = {}},
                  .stream = std::make_unique<ScriptedStream>(script_)};
  }

 private:
  Script& script_;
};

void Watch(Lines lines) {
  Script script{.lines = std::move(lines)};
  std::string version = "1";
  LockWatch watch({.api = std::make_shared<ScriptedApi>(script),
                   .collection = "/collection",
                   .lock = "x",
                   .look = [&](const std::string&, BootTime) { return std::optional(version); }});
  while (!script.lines.empty()) {
    const std::size_t before = script.lines.size();
    std::stop_source stop;
    script.stop = &stop;
    const monopod::protocol::Seen seen{.name = "x", .version = version};
    const auto changed = watch.Await({&seen, 1}, BootTime::max(), stop.get_token());
    Check(changed.size() <= 1);
    for (const Object& object : changed) {
      const auto told = ParseResourceVersion(object.Text({"metadata", "resourceVersion"}));
      Check(object.Text({"metadata", "name"}) == "x");
      Check(told && *told > ParseResourceVersion(version) && *told == watch.NewestTold("x"));
    }
    // As after a read.
    const auto newest = watch.NewestTold("x");
    if (newest > ParseResourceVersion(version)) version = std::to_string(newest);
    Check(script.lines.size() <= before);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kLongest) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  Lines lines = LinesOf(body, 1U + data[0]);
  Check(lines == ExpectedLines(body));
  Watch(std::move(lines));
  return 0;
}

}  // namespace monopod::kube
