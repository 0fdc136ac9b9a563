#include "tests/support/http_script_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "src/base/wait.h"
#include "tests/support/loopback.h"

namespace monopod::testing {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};

std::unique_ptr<SSL_CTX, FreeContext> MakeContext(const ScriptServerOptions& options) {
  std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_server_method()));
  const CertificateFiles& files = *options.certificate;
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    std::cerr << "the server's certificate cannot be used\n";
    std::abort();
  }
  if (!options.client_authority.empty()) {
    SSL_CTX_load_verify_file(context.get(), options.client_authority.c_str());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

std::size_t LengthOf(std::string_view head) {
  constexpr std::string_view kName = "Content-Length: ";
  const std::size_t found = head.find(kName);
  std::size_t length = 0;
  if (found == std::string_view::npos) return length;
  std::from_chars(head.data() + found + kName.size(), head.data() + head.size(), length);
  return length;
}

}  // namespace

class HttpScriptServer::Peer : public ScriptPeer {
 public:
  Peer(HttpScriptServer& server, int fd, int number) : server_(server), fd_(fd), number_(number) {}
  ~Peer() override { Close(); }

  int number() const override { return number_; }

  std::string ReadRequest() override {
    std::size_t head = std::string::npos;
    while ((head = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return {};
    }
    head += 4;
    const std::size_t size = head + LengthOf(std::string_view(received_).substr(0, head));
    while (received_.size() < size) {
      if (!Receive()) return {};
    }
    std::string request = received_.substr(0, size);
    received_.erase(0, size);
    const std::lock_guard lock(server_.mutex_);
    server_.requests_.push_back(request);
    return request;
  }

  void Send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto size = static_cast<int>(std::min<std::size_t>(bytes.size(), 65536));
      const ssize_t sent = session_ ? SSL_write(session_.get(), bytes.data(), size)
                                    : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void Drip(std::string_view bytes) override {
    while (!bytes.empty() && !server_.stopping_) {
      Send(bytes.substr(0, 1));
      bytes.remove_prefix(1);
      WaitUntil(BootClock::now() + std::chrono::milliseconds(1), {});
    }
  }

  void AwaitEnd() override {
    while (Receive()) {
    }
  }

  void Reset() override {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }

  bool StartTls() override {
    const auto context = MakeContext(server_.options_);
    session_.reset(SSL_new(context.get()));
    SSL_set_fd(session_.get(), fd_);
    return SSL_accept(session_.get()) == 1;
  }

  // From any thread.
  void Cut() const { shutdown(fd_, SHUT_RDWR); }

  // What the script's end brings. The number stays taken, so that Cut() cannot hit another file.
  void End() {
    if (session_) SSL_shutdown(session_.get());
    linger set{};
    socklen_t size = sizeof(set);
    getsockopt(fd_, SOL_SOCKET, SO_LINGER, &set, &size);
    if (set.l_onoff != 0) {
      const int none = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      dup2(none, fd_);  // closes it, with a reset
      close(none);
    } else {
      Cut();
    }
  }

 private:
  void Close() {
    session_.reset();
    close(fd_);
  }

  bool Receive() {
    std::array<char, 16384> buffer{};
    const ssize_t count =
        session_ ? SSL_read(session_.get(), buffer.data(), static_cast<int>(buffer.size()))
                 : recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    received_.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  HttpScriptServer& server_;
  const int fd_;
  const int number_;
  std::unique_ptr<SSL, FreeSession> session_;
  std::string received_;
};

HttpScriptServer::HttpScriptServer(Script script, ScriptServerOptions options)
    : script_(std::move(script)),
      options_(std::move(options)),
      listener_(Listen()),
      port_(PortOf(listener_)),
      acceptor_([this] { Run(); }) {}

HttpScriptServer::~HttpScriptServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& peer : peers_) peer->Cut();
  }
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

std::string HttpScriptServer::url() const {
  const bool is_tls = options_.certificate && !options_.starts_plain;
  return (is_tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
}

std::vector<std::string> HttpScriptServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpScriptServer::Run() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (stopping_ || fd < 0) {
      if (fd >= 0) close(fd);
      return;
    }
    const std::lock_guard lock(mutex_);
    peers_.push_back(std::make_unique<Peer>(*this, fd, connections_++));
    threads_.emplace_back([this, peer = peers_.back().get()] { Serve(*peer); });
  }
}

void HttpScriptServer::Serve(Peer& peer) {
  // OpenSSL writes to closed connections like to open ones.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  const bool is_tls = options_.certificate && !options_.starts_plain;
  if (!is_tls || peer.StartTls()) script_(peer);
  peer.End();
  ++ended_;
  ERR_clear_error();
}

std::string HttpAnswer(int status, std::string_view body, std::string_view headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\nContent-Type: application/json\r\n" +
         std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

HttpScriptServer::Script AlwaysAnswer(std::string answer) {
  return [answer = std::move(answer)](ScriptPeer& peer) {
    while (!peer.ReadRequest().empty()) peer.Send(answer);
  };
}

}  // namespace monopod::testing
