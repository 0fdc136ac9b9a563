// HTTP/1.1, with TLS or without, as far as the test server needs it: the only place that knows how
// bytes travel.
//
// Threads: that of the io_context.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "tests/support/kube_server_service.h"
#include "tests/support/kube_server_watch.h"

namespace monopod::testing::kube_server {

struct Incoming {
  std::string method;
  std::string target;
  std::string body;
  std::string content_type;
  std::string authorization;
  std::string impersonated;
  std::string user_agent;
};

// A connection answers one request after the other. While a stream is open, it already reads, so
// that it notices when the other side is gone.
class Connection {
 public:
  struct Handler {
    std::function<void(Incoming)> on_request;
    std::function<void()> on_close;  // once
  };

  virtual ~Connection() = default;
  virtual void Start(Handler handler) = 0;
  virtual void Reply(const Answer& answer) = 0;
  virtual void BeginStream() = 0;
  // False: nobody takes what is sent, and it is over.
  virtual bool SendFrame(Frame frame) = 0;
  virtual void EndStream() = 0;
  virtual void Close() = 0;
  // Stays open, and nothing happens on it any more.
  virtual void Silence() = 0;
  virtual void SetFrozen(bool frozen) = 0;
  virtual int remote_port() const = 0;
  // The subject of a client certificate of our authority; empty: none.
  virtual std::string certified() = 0;
};

// `tls` is null for plain HTTP.
std::shared_ptr<Connection> MakeConnection(boost::asio::ip::tcp::socket socket,
                                           boost::asio::ssl::context* tls);

}  // namespace monopod::testing::kube_server
