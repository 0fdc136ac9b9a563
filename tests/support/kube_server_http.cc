#include "tests/support/kube_server_http.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <openssl/x509.h>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

namespace monopod::testing::kube_server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<tcp::socket>;

constexpr std::size_t kLargestBody = 3UL * 1024 * 1024;
// Who does not read so many events is cut off.
constexpr std::size_t kLongestQueue = 20'000;
constexpr std::size_t kFramesAtOnce = 64;

std::string Head(int status, const std::string& content_type) {
  const auto phrase = http::obsolete_reason(static_cast<http::status>(status));
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(phrase.data(), phrase.size()) +
         "\r\nContent-Type: " + content_type + "\r\n";
}

std::string Head(const Answer& answer) {
  std::string head = Head(answer.status, answer.content_type);
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  head += "Content-Length: " + std::to_string(answer.body->size()) + "\r\n\r\n";
  return head;
}

template <class Stream>
class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  template <class... Arguments>
  explicit HttpConnection(Arguments&&... arguments)
      : stream_(std::forward<Arguments>(arguments)...) {
    error_code ignored;
    Socket().set_option(tcp::no_delay(true), ignored);
    const auto remote = Socket().remote_endpoint(ignored);
    remote_port_ = ignored ? 0 : remote.port();
  }

  void Start(Handler handler) override {
    handler_ = std::move(handler);
    Pass([this] { Begin(); });
  }

  void Reply(const Answer& answer) override {
    Pass([this, answer] {
      // In one piece, and so in one record of TLS.
      reply_ = Head(answer) + *answer.body;
      asio::async_write(stream_, asio::buffer(reply_),
                        [self = this->shared_from_this()](error_code error, std::size_t) {
                          if (error) return self->Fail();
                          self->Pass([raw = self.get()] { raw->ReadNext(); });
                        });
    });
  }

  void BeginStream() override {
    streaming_ = true;
    frames_.push_back(std::make_shared<const std::string>(Head(200, "application/json") +
                                                          "Transfer-Encoding: chunked\r\n\r\n"));
    WriteFrames();
    Read();
  }

  bool SendFrame(Frame frame) override {
    if (!streaming_ || closed_) return false;
    if (frames_.size() >= kLongestQueue) {
      asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->Close(); });
      return false;
    }
    frames_.push_back(std::move(frame));
    WriteFrames();
    return true;
  }

  void EndStream() override {
    if (!std::exchange(streaming_, false)) return;
    frames_.push_back(std::make_shared<const std::string>("0\r\n\r\n"));
    last_frame_ = true;
    WriteFrames();
  }

  void Close() override {
    if (std::exchange(closed_, true)) return;
    passed_.clear();
    error_code ignored;
    Socket().close(ignored);
    if (auto on_close = std::exchange(handler_.on_close, nullptr)) on_close();
    handler_ = {};
  }

  void Silence() override { silent_ = true; }

  void SetFrozen(bool frozen) override {
    frozen_ = frozen;
    if (frozen) return;
    // One of them may close the connection.
    const auto self = this->shared_from_this();
    for (const auto& step : std::exchange(passed_, {})) Pass(step);
  }

  int remote_port() const override { return remote_port_; }

  std::string certified() override {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      SSL* ssl = stream_.native_handle();
      X509* certificate = SSL_get1_peer_certificate(ssl);
      if (certificate == nullptr) return "";
      std::array<char, 256> name = {};
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                                name.size());
      X509_free(certificate);
      return SSL_get_verify_result(ssl) == X509_V_OK ? name.data() : "";
    } else {
      return "";
    }
  }

 private:
  tcp::socket& Socket() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  // Takes the next step, unless the server is frozen (later) or the connection dead (never).
  void Pass(std::function<void()> step) {
    if (closed_ || silent_) return;
    if (frozen_) {
      passed_.push_back(std::move(step));
    } else {
      step();
    }
  }

  void Begin() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_handshake(TlsStream::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (error) return self->Fail();
                                self->Pass([raw = self.get()] { raw->Read(); });
                              });
    } else {
      Read();
    }
  }

  void Read() {
    if (closed_ || reading_) return;
    reading_ = true;
    parser_.emplace();
    parser_->body_limit(kLargestBody);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code error, std::size_t) {
                       self->reading_ = false;
                       self->OnRead(error);
                     });
  }

  void OnRead(error_code error) {
    if (error == http::error::body_limit) {
      const Failure failure =
          MakeFailure(413, {"RequestEntityTooLarge",
                            "Request entity too large: limit is " + std::to_string(kLargestBody)});
      busy_ = true;
      close_after_ = true;
      return Reply(AnswerOf(failure));
    }
    if (error) return Fail();
    arrived_ = true;
    if (!busy_) TakeArrived();
  }

  void TakeArrived() {
    arrived_ = false;
    busy_ = true;
    auto message = parser_->release();
    close_after_ = !message.keep_alive();
    const auto field = [&](http::field name) {
      const auto value = message[name];
      return std::string(value.data(), value.size());
    };
    const auto impersonated = message["Impersonate-User"];
    const auto method = message.method_string();
    const auto target = message.target();
    Incoming incoming{.method = std::string(method.data(), method.size()),
                      .target = std::string(target.data(), target.size()),
                      .body = std::move(message.body()),
                      .content_type = field(http::field::content_type),
                      .authorization = field(http::field::authorization),
                      .impersonated = std::string(impersonated.data(), impersonated.size()),
                      .user_agent = field(http::field::user_agent)};
    Pass([this, incoming = std::move(incoming)] {
      // Closing drops the handler.
      const auto on_request = handler_.on_request;
      on_request(incoming);
    });
  }

  // After an answer.
  void ReadNext() {
    busy_ = false;
    if (close_after_) return Fail();
    if (arrived_) return TakeArrived();
    Read();
  }

  void WriteFrames() {
    if (closed_ || silent_ || writing_ || frames_.empty()) return;
    writing_ = true;
    Pass([this] {
      const std::size_t count = std::min(frames_.size(), kFramesAtOnce);
      several_frames_.clear();
      for (std::size_t i = 0; count > 1 && i < count; ++i) several_frames_ += *frames_[i];
      asio::async_write(stream_, asio::buffer(count > 1 ? several_frames_ : *frames_.front()),
                        [self = this->shared_from_this(), count](error_code error, std::size_t) {
                          if (error) return self->Fail();
                          self->frames_.erase(
                              self->frames_.begin(),
                              self->frames_.begin() + static_cast<std::ptrdiff_t>(count));
                          self->writing_ = false;
                          self->WriteFrames();
                          if (self->frames_.empty() && std::exchange(self->last_frame_, false))
                            self->ReadNext();
                        });
    });
  }

  // The other side is gone, or has spoken nonsense. Who is silent does not even close.
  void Fail() {
    if (!silent_) Close();
  }

  Stream stream_;
  Handler handler_;
  int remote_port_ = 0;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  bool reading_ = false;
  bool arrived_ = false;  // a request that is not taken yet
  bool busy_ = false;     // one that is not answered yet
  bool close_after_ = false;
  std::string reply_;
  std::deque<Frame> frames_;
  std::string several_frames_;
  bool streaming_ = false;
  bool writing_ = false;
  bool last_frame_ = false;
  bool closed_ = false;
  bool silent_ = false;
  bool frozen_ = false;
  std::vector<std::function<void()>> passed_;
};

}  // namespace

std::shared_ptr<Connection> MakeConnection(tcp::socket socket, asio::ssl::context* tls) {
  if (tls == nullptr) return std::make_shared<HttpConnection<tcp::socket>>(std::move(socket));
  return std::make_shared<HttpConnection<TlsStream>>(std::move(socket), *tls);
}

}  // namespace monopod::testing::kube_server
