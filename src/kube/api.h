// The seam to a Kubernetes API server: plain HTTP requests with JSON texts. The HTTPS client is
// under it in production; a server of the tests answers it there.
//
// Guarantees that an implementation gives:
// - Every call returns by its deadline, give or take scheduling.
// - A request is sent at most once, but for one repetition where it certainly did nothing: a
//   connection that the server had closed before it read a byte, or 401 with a token that has been
//   replaced since.
// - It adds what every request needs: the server's address, credentials, Accept and User-Agent.
//
// Every answer with a status is an answer, also 404 and 503; what it means, the caller knows.
// Errors, with the caller's next move:
//   kUnavailable        not sent: no connection, no handshake. It did not land. Ask again later.
//   kDeadlineExceeded   no time was left to send it; it did not land
//   kIndeterminate      sent, but no whole answer came: it may have landed or may still land
//   kDenied             no credentials could be had, or the server's certificate is not trusted; it
//                       did not land
//
// Threads: all calls may be made concurrently. Not usable in a forked child.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod::kube {

enum class Method : std::uint8_t { kGet, kPost, kPut, kPatch, kDelete };

struct Request {
  Method method = Method::kGet;
  std::string path;  // begins with '/'; the query is part of it, percent-encoded
  std::string body;  // JSON, or empty
  std::string content_type = "application/json";  // of the body
};

struct Response {
  int status = 0;
  std::string body;
  // Not before this long (Retry-After), if the server said so.
  std::optional<std::chrono::seconds> retry_after;
};

// The answer to a watch: a line of JSON for each event, for as long as the server sends them.
//
// Threads: one at a time. Destroying it closes its connection.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // The next line, without its end; nothing at the deadline or when `stop` is requested, and then
  // the stream goes on. kUnavailable: the stream is over; open another.
  virtual Result<std::optional<std::string>> Next(BootTime deadline,
                                                  const std::stop_token& stop) = 0;
};

class Api {
 public:
  virtual ~Api() = default;

  virtual Result<Response> Send(const Request& request, BootTime deadline) = 0;

  // Sends a GET whose answer does not end. If the status is not 200, the answer has it and the
  // stream is null.
  struct Opened {
    Response response;
    std::unique_ptr<EventStream> stream;
  };
  virtual Result<Opened> Watch(const std::string& path, BootTime deadline) = 0;
};

}  // namespace monopod::kube
