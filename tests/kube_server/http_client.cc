#include "tests/kube_server/http_client.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace monopod::testing {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

std::string Text(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class HttpClient::Connection {
 public:
  Connection(const KubeServer& server, const Options& options) : patience_(options.patience) {
    tls_.load_verify_file(server.ca_file());
    tls_.set_verify_mode(asio::ssl::verify_peer);
    if (options.certificate) {
      tls_.use_certificate_file(options.certificate->certificate, asio::ssl::context::pem);
      tls_.use_private_key_file(options.certificate->key, asio::ssl::context::pem);
    }
    stream_.emplace(io_, tls_);
    const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(),
                                           static_cast<unsigned short>(server.port()));
    open_ = Run([&](auto done) { stream_->next_layer().async_connect(endpoint, done); }) &&
            Run([&](auto done) { stream_->async_handshake(asio::ssl::stream_base::client, done); });
  }

  bool open() const { return open_; }
  bool ended() const { return parser_ && parser_->is_done(); }

  HttpReply Ask(const HttpMessage& message, const Options& options, bool whole) {
    http::request<http::string_body> request(http::verb::unknown, message.target, 11);
    request.method_string(message.method);
    request.set(http::field::host, "127.0.0.1");
    if (!options.user_agent.empty()) request.set(http::field::user_agent, options.user_agent);
    if (!options.token.empty()) {
      request.set(http::field::authorization, "Bearer " + options.token);
    }
    if (!message.body.empty()) request.set(http::field::content_type, "application/json");
    for (const auto& [name, value] : message.headers) request.set(name, value);
    request.body() = message.body;
    request.prepare_payload();
    parser_.emplace();
    // "None" is taken for 0 by Boost 1.74 when the header is read first.
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    taken_ = 0;
    open_ = open_ && Run([&](auto done) {
              http::async_write(*stream_, request,
                                [done](error_code error, std::size_t) { done(error); });
            }) &&
            Run([&](auto done) {
              const auto on_read = [done](error_code error, std::size_t) { done(error); };
              if (whole) {
                http::async_read(*stream_, buffer_, *parser_, on_read);
              } else {
                http::async_read_header(*stream_, buffer_, *parser_, on_read);
              }
            });
    HttpReply reply;
    if (!open_) return reply;
    reply.status = static_cast<int>(parser_->get().result_int());
    for (const auto& field : parser_->get()) {
      reply.headers.emplace(Text(field.name_string()), Text(field.value()));
    }
    if (whole) {
      reply.body = std::move(parser_->get().body());
      open_ = parser_->get().keep_alive();
    }
    return reply;
  }

  std::optional<nlohmann::json> Next() {
    while (true) {
      const std::string& body = parser_->get().body();
      const std::size_t end = body.find('\n', taken_);
      if (end != std::string::npos) {
        auto line = nlohmann::json::parse(body.substr(taken_, end - taken_));
        taken_ = end + 1;
        return line;
      }
      if (parser_->is_done() || !open_) return std::nullopt;
      open_ = Run([&](auto done) {
        http::async_read_some(*stream_, buffer_, *parser_,
                              [done](error_code error, std::size_t) { done(error); });
      });
    }
  }

 private:
  // Starts it, and waits until it is done. False: it failed, or patience was over.
  template <class Start>
  bool Run(Start start) {
    error_code result = asio::error::would_block;
    stream_->next_layer().expires_after(patience_);
    start([&result](error_code error) { result = error; });
    io_.restart();
    io_.run();
    return !result;
  }

  const std::chrono::milliseconds patience_;
  asio::io_context io_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::optional<beast::ssl_stream<beast::tcp_stream>> stream_;
  beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::string_body>> parser_;
  std::size_t taken_ = 0;
  bool open_ = false;
};

HttpClient::HttpClient(const KubeServer& server)
    : HttpClient(server, {.token = server.token(), .user_agent = {}, .certificate = {}}) {}
HttpClient::HttpClient(const KubeServer& server, Options options)
    : server_(server), options_(std::move(options)) {}
HttpClient::~HttpClient() = default;

HttpReply HttpClient::Ask(const HttpMessage& message, bool whole) {
  if (connection_ == nullptr || !connection_->open()) {
    connection_ = std::make_unique<Connection>(server_, options_);
  }
  return connection_->Ask(message, options_, whole);
}

HttpReply HttpClient::Send(const HttpMessage& message) { return Ask(message, true); }
HttpReply HttpClient::Open(const HttpMessage& message) { return Ask(message, false); }
std::optional<nlohmann::json> HttpClient::Next() { return connection_->Next(); }
bool HttpClient::ended() const { return connection_->ended(); }

}  // namespace monopod::testing
