// The running test server: its thread, its connections, and the way of a request from one to the
// service and back, with the faults in between.
//
// Threads: any for Run(), Listen() and Shut() of the owner; all else on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>

#include "tests/support/kube_server.h"
#include "tests/support/kube_server_faults.h"
#include "tests/support/kube_server_http.h"
#include "tests/support/kube_server_service.h"
#include "tests/support/kube_server_watch.h"

namespace monopod::testing::kube_server {

class Loop {
 public:
  struct Tls {
    std::string authority;
    CertificateFiles own;
  };
  // `tls`: none for plain HTTP.
  Loop(const KubeServerOptions& options, int port, const std::optional<Tls>& tls);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Calls it on the loop's thread, and waits for it.
  template <class Function>
  std::invoke_result_t<Function> Run(Function function) {
    if (io_.get_executor().running_in_this_thread()) return function();
    std::packaged_task<std::invoke_result_t<Function>()> task(std::move(function));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }

  // ---- On the loop's thread.
  void Listen();
  void Shut();
  void CutConnections();
  void SilenceConnections();
  void CutWatches();
  void ExpireWatches();
  void SetFrozen(bool frozen);
  void SetFaults(const KubeFaults& faults);
  void PauseCache(bool paused);
  void Compact() { store_.Compact(); }
  Answer Direct(const KubeRequest& request, const std::string& content_type);
  ObjectStore& store() { return store_; }
  Access& access() { return access_; }
  void SetHook(std::function<void(const KubeRequest&)> hook) { hook_ = std::move(hook); }
  const std::map<KubeCall, std::int64_t>& counts() const { return counts_; }
  void ResetCounts();
  const KubeWatchCount& watch_count() const { return watch_count_; }
  const std::map<std::string, KubeWatchCount>& agents() const { return agents_; }
  int connections() const { return static_cast<int>(connections_.size()); }

 private:
  struct Client;  // a connection, and what it is at
  using ClientPointer = std::shared_ptr<Client>;

  void Accept();
  void TakeConnections();
  void Adopt(int fd);
  void OnRequest(const ClientPointer& client, Incoming incoming);
  void Carry(const ClientPointer& client, const std::shared_ptr<Call>& call, Fault fault);
  void Finish(const ClientPointer& client, const Call& call, const Answer& answer, Fault fault);
  void Await(const ClientPointer& client, const std::shared_ptr<Call>& call, Fault fault,
             std::int64_t version);
  void StartWatch(const ClientPointer& client, const Call& call, WatchPlan plan);
  void AwaitBookmark(const ClientPointer& client);
  void EndWatch(const ClientPointer& client);
  void OnClose(const ClientPointer& client);
  void OnCommit();
  void AdvanceCache(std::int64_t version);
  void Count(const Call& call, int status);
  // Once, if the server was not stopped in between.
  void After(std::chrono::nanoseconds delay, std::function<void()> step);

  const KubeServerOptions options_;
  const int port_;
  boost::asio::io_context io_{1};
  std::optional<boost::asio::ssl::context> tls_;
  boost::asio::ip::tcp::acceptor acceptor_{io_};
  ObjectStore store_;
  Access access_;
  Service service_{&store_, &access_};
  WatchHub hub_{&store_};
  FaultDecider faults_;
  std::function<void(const KubeRequest&)> hook_;
  std::vector<ClientPointer> connections_;
  std::uint64_t life_ = 0;  // how often it was stopped
  bool frozen_ = false;
  bool cache_paused_ = false;
  // Those who wait for the watch cache.
  struct Waiter {
    std::int64_t version;
    std::function<void()> step;
  };
  std::vector<std::shared_ptr<Waiter>> waiters_;
  std::map<KubeCall, std::int64_t> counts_;
  KubeWatchCount watch_count_;
  std::map<std::string, KubeWatchCount> agents_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::thread thread_;
};

}  // namespace monopod::testing::kube_server
