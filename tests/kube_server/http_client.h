// A plain HTTPS client, so that the test server is tested by what it says on the wire, and not by
// the client that it is there to test.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/certificates.h"
#include "tests/support/kube_server.h"
#include "tests/support/process.h"

namespace monopod::testing {

struct HttpMessage {
  std::string method = "GET";
  std::string target;
  std::string body = {};
  std::map<std::string, std::string> headers = {};  // Content-Type: application/json if not given
};

struct HttpReply {
  int status = 0;  // 0: none came
  std::string body;
  std::map<std::string, std::string> headers;

  nlohmann::json Json() const { return nlohmann::json::parse(body); }
  std::string Reason() const { return Json().value("reason", ""); }
  std::string Message() const { return Json().value("message", ""); }
};

// One connection, opened at the first request, and again when it was closed.
//
// Threads: one.
class HttpClient {
 public:
  struct Options {
    std::string token;  // empty: none
    std::string user_agent;
    std::optional<CertificateFiles> certificate;
    std::chrono::milliseconds patience = kPatience;
  };
  explicit HttpClient(const KubeServer& server);  // as the admin
  HttpClient(const KubeServer& server, Options options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  HttpReply Send(const HttpMessage& message);
  HttpReply Get(const std::string& target) { return Send({.target = target}); }
  HttpReply Post(const std::string& target, const nlohmann::json& body) {
    return Send({.method = "POST", .target = target, .body = body.dump()});
  }
  HttpReply Put(const std::string& target, const nlohmann::json& body) {
    return Send({.method = "PUT", .target = target, .body = body.dump()});
  }
  HttpReply Patch(const std::string& target, const nlohmann::json& patch) {
    return Send({.method = "PATCH",
                 .target = target,
                 .body = patch.dump(),
                 .headers = {{"Content-Type", patch.is_array() ? "application/json-patch+json"
                                                               : "application/merge-patch+json"}}});
  }
  HttpReply Delete(const std::string& target) {
    return Send({.method = "DELETE", .target = target});
  }

  // The answer without its body, whose lines are read by Next().
  HttpReply Open(const HttpMessage& message);
  // Nothing: it ended, or nothing came in time.
  std::optional<nlohmann::json> Next();
  // Whether the stream came to its proper end, and not to a sudden one.
  bool ended() const;

 private:
  class Connection;
  HttpReply Ask(const HttpMessage& message, bool whole);

  const KubeServer& server_;
  const Options options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace monopod::testing
