// A server of this machine that says byte by byte what a test wants, over TCP or TLS: half answers,
// nonsense, silence.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/certificates.h"

namespace monopod::testing {

// One accepted connection, for its script. The script's end closes it.
class ScriptPeer {
 public:
  virtual ~ScriptPeer() = default;
  // How many were accepted before it.
  virtual int number() const = 0;
  // The head and the body of the next request; empty if the client closed the connection.
  virtual std::string ReadRequest() = 0;
  virtual void Send(std::string_view bytes) = 0;
  // Byte after byte, with pauses.
  virtual void Drip(std::string_view bytes) = 0;
  // Until the client closes the connection.
  virtual void AwaitEnd() = 0;
  // Has the connection end with a reset instead of an orderly end.
  virtual void Reset() = 0;
  // From here on TLS, as the server's options say; for what begins as a proxy. False if it fails.
  virtual bool StartTls() = 0;
};

struct ScriptServerOptions {
  std::optional<CertificateFiles> certificate;  // TLS, from the first byte unless...
  bool starts_plain = false;                    // ...the script does it
  std::string client_authority;                 // a file: clients must have a certificate of it
};

// Threads: the script runs on one for each connection.
class HttpScriptServer {
 public:
  using Script = std::function<void(ScriptPeer&)>;

  explicit HttpScriptServer(Script script, ScriptServerOptions options = {});
  HttpScriptServer(const HttpScriptServer&) = delete;
  HttpScriptServer& operator=(const HttpScriptServer&) = delete;
  // Cuts what is open.
  ~HttpScriptServer();

  int port() const { return port_; }
  // http:// or https://, 127.0.0.1 and the port.
  std::string url() const;

  int connections() const { return connections_; }  // accepted so far
  int ended() const { return ended_; }              // whose script is over, and that are closed
  std::vector<std::string> requests() const;        // read so far

 private:
  class Peer;

  void Run();
  void Serve(Peer& peer);

  const Script script_;
  const ScriptServerOptions options_;
  const int listener_;
  const int port_;
  std::atomic<int> connections_ = 0;
  std::atomic<int> ended_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::string> requests_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// An answer with a length, that keeps the connection.
std::string HttpAnswer(int status, std::string_view body, std::string_view headers = {});

// Answers each request alike.
HttpScriptServer::Script AlwaysAnswer(std::string answer);

}  // namespace monopod::testing
