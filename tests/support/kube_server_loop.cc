#include "tests/support/kube_server_loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <utility>

#include <boost/asio/ssl/verify_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace monopod::testing::kube_server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

[[noreturn]] void Die(const std::string& what) {
  std::cerr << "kube-test-server: " << what << '\n';
  std::abort();
}

// Close-on-exec from the beginning: a child must not keep a closed port open.
int ListeningSocket(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    Die("cannot listen on port " + std::to_string(port));
  }
  return fd;
}

asio::ssl::context TlsContext(const Loop::Tls& files) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain_file(files.own.certificate);
  context.use_private_key_file(files.own.key, asio::ssl::context::pem);
  context.load_verify_file(files.authority);
  // A client may have a certificate, and who has a wrong one is told so by HTTP.
  context.set_verify_mode(asio::ssl::verify_peer);
  context.set_verify_callback([](bool, asio::ssl::verify_context&) { return true; });
  static constexpr unsigned char kSession[] = "kube";
  SSL_CTX_set_session_id_context(context.native_handle(), kSession, sizeof kSession);
  return context;
}

// What a faulty server answers without having looked.
std::optional<Answer> FaultyAnswer(Fault fault, std::chrono::seconds retry_after) {
  std::optional<Answer> answer;
  switch (fault) {
    case Fault::kTooManyRequests:
      answer = AnswerOf(429, "Too many requests, please try again later.\n",
                        "text/plain; charset=utf-8");
      break;
    case Fault::kInternalError:
      answer = AnswerOf(MakeFailure(
          500, {"InternalError", "Internal error occurred: etcdserver: request timed out"},
          {{"causes", {{{"message", "etcdserver: request timed out"}}}}}));
      break;
    case Fault::kUnavailable:
      answer = AnswerOf(MakeFailure(
          503, {"ServiceUnavailable", "the server is currently unable to handle the request"},
          Json::object()));
      break;
    case Fault::kNone:
    case Fault::kLostRequest:
    case Fault::kLostReply: return std::nullopt;
  }
  if (fault == Fault::kTooManyRequests && retry_after.count() > 0) {
    answer->headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  }
  return answer;
}

}  // namespace

struct Loop::Client {
  std::shared_ptr<Connection> connection;
  WatchHub::Pointer watch;  // while one is open
  KubeRequest watched;
  std::shared_ptr<asio::steady_timer> timer;  // of the watch
  std::chrono::steady_clock::time_point watch_end;
};

Loop::Loop(const KubeServerOptions& options, int port, const std::optional<Tls>& tls)
    : options_(options), port_(port), store_(options.history) {
  if (tls) tls_.emplace(TlsContext(*tls));
  store_.SetCommitHook([this] { OnCommit(); });
  thread_ = std::thread([this] { io_.run(); });
}

Loop::~Loop() {
  Run([this] { Shut(); });
  work_.reset();
  io_.stop();
  thread_.join();
}

void Loop::Listen() {
  if (acceptor_.is_open()) return;
  acceptor_.assign(tcp::v4(), ListeningSocket(port_));
  Accept();
}

void Loop::Shut() {
  ++life_;
  error_code ignored;
  acceptor_.close(ignored);
  waiters_.clear();
  CutConnections();
}

void Loop::Accept() {
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](error_code error) {
    if (error || !acceptor_.is_open()) return;
    TakeConnections();
    Accept();
  });
}

void Loop::TakeConnections() {
  while (true) {
    const int fd =
        accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      Adopt(fd);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void Loop::Adopt(int fd) {
  tcp::socket socket(io_);
  error_code error;
  socket.assign(tcp::v4(), fd, error);
  if (error) return;
  auto client = std::make_shared<Client>();
  client->connection = MakeConnection(std::move(socket), tls_ ? &*tls_ : nullptr);
  client->connection->SetFrozen(frozen_);
  connections_.push_back(client);
  // The connection holds the handler, and the handler the client, until it is closed.
  client->connection->Start(
      {.on_request = [this, client](Incoming incoming) { OnRequest(client, std::move(incoming)); },
       .on_close = [this, client] { OnClose(client); }});
}

void Loop::OnClose(const ClientPointer& client) {
  EndWatch(client);
  std::erase(connections_, client);
}

void Loop::CutConnections() {
  for (const ClientPointer& client : std::vector(connections_)) client->connection->Close();
}

void Loop::SilenceConnections() {
  for (const ClientPointer& client : connections_) {
    client->connection->Silence();
    EndWatch(client);
  }
}

void Loop::CutWatches() {
  for (const ClientPointer& client : std::vector(connections_)) {
    if (client->watch != nullptr) client->connection->Close();
  }
}

void Loop::ExpireWatches() {
  store_.Compact();
  for (const ClientPointer& client : std::vector(connections_)) {
    if (client->watch == nullptr) continue;
    hub_.Expire(client->watch);
    EndWatch(client);
    client->connection->EndStream();
  }
}

void Loop::SetFrozen(bool frozen) {
  frozen_ = frozen;
  for (const ClientPointer& client : std::vector(connections_))
    client->connection->SetFrozen(frozen);
}

void Loop::SetFaults(const KubeFaults& faults) {
  faults_.Set(faults);
  if (faults.cache_delay.count() <= 0) AdvanceCache(store_.revision());
}

void Loop::PauseCache(bool paused) {
  cache_paused_ = paused;
  if (!paused) AdvanceCache(store_.revision());
}

void Loop::OnCommit() {
  const std::int64_t version = store_.revision();
  if (faults_.faults().cache_delay.count() <= 0) {
    AdvanceCache(version);
  } else {
    After(faults_.faults().cache_delay, [this, version] { AdvanceCache(version); });
  }
}

void Loop::AdvanceCache(std::int64_t version) {
  if (cache_paused_) return;
  store_.AdvanceCache(version);
  hub_.Deliver();
  std::vector<std::shared_ptr<Waiter>> done;
  std::erase_if(waiters_, [&](const auto& waiter) {
    if (waiter->version > store_.cache_revision()) return false;
    done.push_back(waiter);
    return true;
  });
  for (const auto& waiter : done) asio::post(io_, waiter->step);
}

void Loop::After(std::chrono::nanoseconds delay, std::function<void()> step) {
  auto timer = std::make_shared<asio::steady_timer>(io_, delay);
  timer->async_wait([this, timer, life = life_, step = std::move(step)](error_code error) {
    if (!error && life == life_) step();
  });
}

Answer Loop::Direct(const KubeRequest& request, const std::string& content_type) {
  Call call{.request = request, .target = ParseTarget(request.path), .content_type = content_type};
  Describe(call.target, &call.request);
  call.user = "admin";
  call.patience_is_over = true;
  Handled handled = service_.Handle(&call);
  if (Answer* answer = std::get_if<Answer>(&handled)) return std::move(*answer);
  return AnswerOf(MethodNotAllowed());
}

void Loop::OnRequest(const ClientPointer& client, Incoming incoming) {
  auto call = std::make_shared<Call>();
  call->content_type = std::move(incoming.content_type);
  call->target = ParseTarget(incoming.target);
  KubeRequest& request = call->request;
  request.method = std::move(incoming.method);
  request.path = std::move(incoming.target);
  request.body = std::move(incoming.body);
  request.user_agent = std::move(incoming.user_agent);
  request.remote_port = client->connection->remote_port();
  Describe(call->target, &request);
  call->user = access_.Authenticate(incoming.authorization, incoming.authorization.empty()
                                                                ? client->connection->certified()
                                                                : std::string());
  if (call->user && !incoming.impersonated.empty() && access_.IsAdmin(*call->user)) {
    call->user = incoming.impersonated;
  }
  request.user = call->user.value_or("");
  const std::uint64_t life = life_;
  if (hook_) hook_(request);
  if (life != life_) return;  // the hook has stopped the server

  const Verdict verdict = faults_.Decide(request);
  if (verdict.delay.count() <= 0) return Carry(client, call, verdict.fault);
  After(verdict.delay, [this, client, call, fault = verdict.fault] { Carry(client, call, fault); });
}

void Loop::Carry(const ClientPointer& client, const std::shared_ptr<Call>& call, Fault fault) {
  if (fault == Fault::kLostRequest) {
    Count(*call, 0);
    return client->connection->Close();
  }
  if (const auto answer = FaultyAnswer(fault, faults_.faults().retry_after)) {
    return Finish(client, *call, *answer, Fault::kNone);
  }
  Handled handled = service_.Handle(call.get());
  if (const Answer* answer = std::get_if<Answer>(&handled)) {
    Finish(client, *call, *answer, fault);
  } else if (WatchPlan* plan = std::get_if<WatchPlan>(&handled)) {
    if (fault == Fault::kLostReply) {
      Count(*call, 0);
      return client->connection->Close();
    }
    StartWatch(client, *call, std::move(*plan));
  } else {
    Await(client, call, fault, std::get<AwaitCache>(handled).version);
  }
}

void Loop::Await(const ClientPointer& client, const std::shared_ptr<Call>& call, Fault fault,
                 std::int64_t version) {
  auto waiter = std::make_shared<Waiter>();
  waiter->version = version;
  waiter->step = [this, client, call, fault] { Carry(client, call, fault); };
  waiters_.push_back(waiter);
  After(options_.cache_patience, [this, waiter, call] {
    const auto found = std::find(waiters_.begin(), waiters_.end(), waiter);
    if (found == waiters_.end()) return;
    waiters_.erase(found);
    call->patience_is_over = true;
    waiter->step();
  });
}

void Loop::Finish(const ClientPointer& client, const Call& call, const Answer& answer,
                  Fault fault) {
  const bool lost = fault == Fault::kLostReply;
  Count(call, lost ? 0 : answer.status);
  if (lost) return client->connection->Close();
  client->connection->Reply(answer);
}

void Loop::Count(const Call& call, int status) {
  ++counts_[{.verb = call.request.verb, .resource = call.request.resource, .status = status}];
}

void Loop::StartWatch(const ClientPointer& client, const Call& call, WatchPlan plan) {
  Count(call, 200);
  client->connection->BeginStream();
  client->watched = call.request;
  client->watch_end = std::chrono::steady_clock::now() + plan.timeout;
  client->timer = std::make_shared<asio::steady_timer>(io_);
  Connection* connection = client->connection.get();
  const std::weak_ptr<Client> weak = client;
  client->watch = hub_.Open(std::move(plan), [this, connection, weak](Frame frame) {
    const ClientPointer receiver = weak.lock();
    if (receiver == nullptr) return false;
    if (!faults_.ClosesWatch(receiver->watched)) return connection->SendFrame(std::move(frame));
    asio::post(io_, [receiver] { receiver->connection->Close(); });
    return false;
  });
  if (!client->watch->open) {
    client->watch = nullptr;
    return connection->EndStream();
  }
  for (KubeWatchCount* count : {&watch_count_, &agents_[call.request.user_agent]}) {
    count->maximum = std::max(count->maximum, ++count->open);
  }
  AwaitBookmark(client);
}

void Loop::AwaitBookmark(const ClientPointer& client) {
  const auto bookmark = std::chrono::steady_clock::now() + options_.bookmark_interval;
  const auto timer = client->timer;
  timer->expires_at(std::min(bookmark, client->watch_end));
  timer->async_wait([this, client, timer](error_code error) {
    if (error || client->watch == nullptr || client->timer != timer) return;
    if (client->watch->plan.bookmarks) hub_.Bookmark(client->watch);
    if (std::chrono::steady_clock::now() < client->watch_end) return AwaitBookmark(client);
    EndWatch(client);
    client->connection->EndStream();
  });
}

void Loop::EndWatch(const ClientPointer& client) {
  if (client->watch == nullptr) return;
  hub_.Close(std::exchange(client->watch, nullptr));
  client->timer->cancel();
  --watch_count_.open;
  --agents_[client->watched.user_agent].open;
}

void Loop::ResetCounts() {
  counts_.clear();
  watch_count_.maximum = watch_count_.open;
  for (auto& [agent, count] : agents_) count.maximum = count.open;
}

}  // namespace monopod::testing::kube_server
