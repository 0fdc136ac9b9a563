#include "src/kube/client/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "src/kube/client/connection_pool.h"
#include "src/kube/client/credentials.h"
#include "src/kube/client/dialer.h"
#include "src/kube/client/event_stream.h"
#include "src/kube/client/http_message.h"
#include "src/kube/client/url.h"

namespace monopod::kube {
namespace {

// A list of all locks of a cluster fits; what does not is no answer for us.
constexpr std::size_t kLongestBody = std::size_t{64} << 20;

std::string_view NameOf(Method method) {
  switch (method) {
    case Method::kGet: return "GET";
    case Method::kPost: return "POST";
    case Method::kPut: return "PUT";
    case Method::kPatch: return "PATCH";
    case Method::kDelete: return "DELETE";
  }
  return "GET";
}

// What an attempt on one connection came to.
struct Attempt {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<AnswerParser> answer;  // with its header; whole, unless it is a watch
  Error error;                           // if there is no answer
  bool can_repeat = false;               // on another connection: that one was closed
};

class Client : public Api {
 public:
  Client(ClusterAccess access, Url server)
      : access_(std::move(access)),
        path_(server.path),
        host_(server.Authority()),
        name_(fmt::format("{}://{}{}", server.scheme, host_, path_)),
        dialer_(std::move(server), access_.proxy),
        credentials_(access_) {}

  Result<Response> Send(const Request& request, BootTime deadline) override {
    auto attempt = Ask(request, /*is_watch=*/false, deadline);
    if (!attempt) return Fail(std::move(attempt.error()));
    return ToResponse(*attempt->answer);
  }

  Result<Opened> Watch(const std::string& path, BootTime deadline) override {
    auto attempt = Ask({.method = Method::kGet, .path = path}, /*is_watch=*/true, deadline);
    if (!attempt) return Fail(std::move(attempt.error()));
    Opened opened{.response = {.status = attempt->answer->status()}, .stream = nullptr};
    if (opened.response.status == 200) {
      opened.stream = std::make_unique<HttpEventStream>(name_, std::move(attempt->connection),
                                                        std::move(attempt->answer));
    } else {
      opened.response = ToResponse(*attempt->answer);
    }
    return opened;
  }

 private:
  static Response ToResponse(AnswerParser& answer) {
    return {
        .status = answer.status(), .body = answer.TakeBody(), .retry_after = answer.retry_after()};
  }

  // With the current credential, and with another if that one is refused.
  Result<Attempt> Ask(const Request& request, bool is_watch, BootTime deadline) {
    if (!IsFine(request)) {
      return Fail(ErrorCode::kInvalidArgument, "the path of a request is malformed");
    }
    if (BootClock::now() >= deadline) {
      return Fail(ErrorCode::kDeadlineExceeded, fmt::format("{}: no time was left", name_));
    }
    auto credential = credentials_.Get(deadline);
    if (!credential) return Named(std::move(credential.error()));
    auto attempt = Exchange(request, *credential, is_watch, deadline);
    if (attempt && attempt->answer->status() == 401) {
      auto renewed = credentials_.Renew(*credential, deadline);
      if (renewed) attempt = Exchange(request, *renewed, is_watch, deadline);
    }
    if (!attempt || attempt->answer->status() < 300 || attempt->answer->status() >= 400) {
      return attempt;
    }
    return Named({ErrorCode::kUnavailable,
                  fmt::format("it answers {} and sends us to \"{}\", where we do not go",
                              attempt->answer->status(), attempt->answer->location())});
  }

  static bool IsFine(const Request& request) {
    const auto is_fine = [](char c) { return c > ' ' && c <= '~'; };
    return request.path.starts_with('/') &&
           std::all_of(request.path.begin(), request.path.end(), is_fine) &&
           std::all_of(request.content_type.begin(), request.content_type.end(),
                       [](char c) { return c >= ' ' && c <= '~'; });
  }

  // On a connection at hand, and on a new one if that was closed. A watch has its own.
  Result<Attempt> Exchange(const Request& request, const Credential& credential, bool is_watch,
                           BootTime deadline) {
    const std::string text = Render(request, credential);
    std::unique_ptr<Connection> idle = is_watch ? nullptr : pool_.Take(credential.certificate);
    const bool is_reused = idle != nullptr;
    if (is_reused) {
      Attempt attempt = Try(std::move(idle), request.method, text, is_watch, deadline);
      if (attempt.answer || !attempt.can_repeat) return Finish(std::move(attempt), credential);
    }
    TlsAccess tls = access_.tls;
    if (!credential.certificate.empty()) {
      tls.certificate = {.content = credential.certificate, .file = {}};
      tls.key = {.content = credential.key, .file = {}};
    }
    auto connection = dialer_.Dial(tls, deadline);
    if (!connection) return Named(std::move(connection.error()));
    return Finish(Try(std::move(*connection), request.method, text, is_watch, deadline),
                  credential);
  }

  std::string Render(const Request& request, const Credential& credential) const {
    Headers headers = {{"User-Agent", "monopod/" MONOPOD_VERSION}, {"Accept", "application/json"}};
    if (!credential.authorization.empty()) {
      headers.emplace_back("Authorization", credential.authorization);
    }
    headers.insert(headers.end(), access_.impersonation.begin(), access_.impersonation.end());
    if (!request.body.empty()) headers.emplace_back("Content-Type", request.content_type);
    return RenderRequest(
        {.method = NameOf(request.method), .target = path_ + request.path, .host = host_}, headers,
        request.body);
  }

  Result<Attempt> Finish(Attempt attempt, const Credential& credential) {
    if (!attempt.answer) return Named(std::move(attempt.error));
    if (attempt.answer->keeps_connection()) {
      pool_.Return(std::move(attempt.connection), credential.certificate);
    }
    return attempt;
  }

  static Attempt Try(std::unique_ptr<Connection> connection, Method method, std::string_view text,
                     bool is_watch, BootTime deadline) {
    Attempt attempt{.connection = std::move(connection), .answer = nullptr, .error = {}};
    const Moved sent = attempt.connection->Write(text, deadline);
    if (!sent.is_done()) {
      // A request that has not arrived whole is not carried out.
      attempt.can_repeat = sent.end != Moved::End::kDeadline;
      attempt.error = {ErrorCode::kUnavailable, "the request could not be sent: " + sent.reason};
      return attempt;
    }
    Receive(attempt, method, is_watch, deadline);
    return attempt;
  }

  // Until the answer is whole, or has its header if a watch follows it.
  static void Receive(Attempt& attempt, Method method, bool is_watch, BootTime deadline) {
    auto answer = std::make_unique<AnswerParser>();
    std::array<char, 65536> buffer{};
    std::size_t received = 0;
    Moved moved;
    std::optional<std::string> wrong;
    while (!wrong) {
      moved = attempt.connection->Read(buffer, deadline);
      received += moved.size;
      if (moved.is_done()) {
        wrong = answer->Feed({buffer.data(), moved.size});
      } else if (moved.end == Moved::End::kClosed) {
        wrong = answer->FeedEnd();
      } else {
        wrong = moved.reason;
      }
      const bool is_watching = is_watch && answer->has_header() && answer->status() == 200;
      if (!wrong && (answer->is_done() || is_watching)) {
        attempt.answer = std::move(answer);
        return;
      }
      if (!wrong && received > kLongestBody) wrong = "the answer is too large";
      if (!wrong && BootClock::now() >= deadline) wrong = "no whole answer in time";
    }
    const bool is_read = method == Method::kGet;
    if (const auto distrust = attempt.connection->Distrust()) {
      // TLS 1.3: what the server says to our half of the handshake. It read no request.
      attempt.error = {ErrorCode::kDenied, *distrust};
      return;
    }
    attempt.can_repeat = is_read && received == 0 && moved.end != Moved::End::kDeadline;
    attempt.error = {
        is_read ? ErrorCode::kUnavailable : ErrorCode::kIndeterminate,
        fmt::format("{}: {}", received == 0 ? "no answer came" : "no whole answer came", *wrong)};
  }

  tl::unexpected<Error> Named(Error error) const {
    error.message = fmt::format("{}: {}", name_, error.message);
    return Fail(std::move(error));
  }

  const ClusterAccess access_;
  const std::string path_;  // that all begin with
  const std::string host_;
  const std::string name_;  // for messages
  Dialer dialer_;
  Credentials credentials_;
  ConnectionPool pool_;
};

// For an access that was not made by ResolveAccess.
class NoServer : public Api {
 public:
  explicit NoServer(Error error) : error_(std::move(error)) {}
  Result<Response> Send(const Request& /*request*/, BootTime /*deadline*/) override {
    return Fail(error_);
  }
  Result<Opened> Watch(const std::string& /*path*/, BootTime /*deadline*/) override {
    return Fail(error_);
  }

 private:
  const Error error_;
};

}  // namespace

std::shared_ptr<Api> MakeClient(ClusterAccess access) {
  auto server = ParseUrl(access.server);
  if (!server) {
    return std::make_shared<NoServer>(Error{
        ErrorCode::kInvalidArgument, "the server's URL is malformed: " + server.error().message});
  }
  return std::make_shared<Client>(std::move(access), std::move(*server));
}

}  // namespace monopod::kube
