// A server of this machine that is in the way: it relays to another one, swallows what comes back,
// stays silent, or talks nonsense.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace monopod::testing {

class TcpRelay {
 public:
  enum class Mode : std::uint8_t {
    kRelay,
    kSwallowAnswers,  // requests still arrive
    kSilent,          // nothing is read; connections are accepted, and stay open
  };
  // To a port of this machine.
  explicit TcpRelay(int target_port);
  // Answers each connection with this text, and closes it.
  explicit TcpRelay(std::string nonsense);
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;
  ~TcpRelay();

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

  // For what is received from now on, on new connections and old.
  void Set(Mode mode);
  // Closes all connections; new ones are accepted.
  void Cut();

 private:
  struct Connection {
    int client = -1;
    int server = -1;
  };
  static void Close(const Connection& connection);

  void Run();
  bool Relay(const Connection& connection, bool from_client, bool from_server) const;
  void Accept();
  void CloseAll();
  void Wake() const;

  const int target_port_;
  const std::string nonsense_;
  const int listener_;
  const int port_;
  const int wake_;
  std::atomic<Mode> mode_ = Mode::kRelay;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stopping_ = false;
  std::vector<Connection> connections_;  // of the thread
  std::thread thread_;
};

}  // namespace monopod::testing
