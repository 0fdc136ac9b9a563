#include "src/etcd/client/endpoints.h"

#include <fmt/format.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>
#include <utility>

#include "src/base/duration.h"
#include "src/etcd/client/refusal.h"
#include "src/etcd/client/stubs.h"
#include "src/etcd/client/text_file.h"

namespace monopod::etcd {
namespace {

using namespace std::chrono_literals;

int Milliseconds(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  // A call is sent once, or it is said that it was not.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Clients of one process do not share connections, nor the waiting after a failed one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, -1);
  // A connection that went silent is found out. etcd cuts off whoever asks more often than every
  // 5 s, or without a call.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(10s));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(3s));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, Milliseconds(50ms));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Milliseconds(1s));
  // Despite its name, how long one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, Milliseconds(3s));
  return arguments;
}

// "[::1]:2379" as a part of a URI. Without a scheme, a host named "dns" would be taken for one.
std::string Target(const std::string& name) {
  std::string target = "dns:///";
  for (const char c : name) {
    if (c == '[') {
      target += "%5B";
    } else if (c == ']') {
      target += "%5D";
    } else {
      target += c;
    }
  }
  return target;
}

// Empty if it cannot be read: then there will be no connection, and that is told.
std::string Content(const std::string& path) {
  return path.empty() ? std::string() : ReadTextFile("file", path).value_or("");
}

}  // namespace

// What the files of TlsOptions held.
struct Endpoints::Credentials {
  std::string ca;
  std::string certificate;
  std::string key;

  static Credentials Read(const TlsOptions& tls) {
    return {.ca = Content(tls.ca_file),
            .certificate = Content(tls.certificate_file),
            .key = Content(tls.key_file)};
  }
  bool operator==(const Credentials&) const = default;

  std::shared_ptr<grpc::ChannelCredentials> ForTls() const {
    return grpc::SslCredentials(
        {.pem_root_certs = ca, .pem_private_key = key, .pem_cert_chain = certificate});
  }
  std::shared_ptr<grpc::ChannelCredentials> ForUnverifiedTls() const {
    namespace tls = grpc::experimental;
    tls::TlsChannelCredentialsOptions options;
    options.set_verify_server_certs(false);
    options.set_check_call_host(false);
    options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
    if (!certificate.empty()) {
      const std::vector<tls::IdentityKeyCertPair> pairs = {
          {.private_key = key, .certificate_chain = certificate}};
      options.set_certificate_provider(
          std::make_shared<tls::StaticDataCertificateProvider>("", pairs));
      options.watch_identity_key_cert_pairs();
    }
    return tls::TlsCredentials(options);
  }
};

Endpoints::Endpoints(ClientOptions options)
    : options_(std::move(options)),
      credentials_(std::make_unique<Credentials>(Credentials::Read(options_.tls))) {
  Open();
}

Endpoints::~Endpoints() = default;

void Endpoints::Open() {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (options_.use_tls) {
    credentials =
        options_.tls.skip_verification ? credentials_->ForUnverifiedTls() : credentials_->ForTls();
  }
  endpoints_.clear();
  for (const std::string& name : names()) {
    endpoints_.push_back(std::make_shared<Endpoint>(
        name, grpc::CreateCustomChannel(Target(name), credentials, Arguments())));
    driver_.Drive(endpoints_.back());
  }
}

void Endpoints::Leave(std::size_t index) {
  std::size_t expected = index % size();
  current_.compare_exchange_strong(expected, (index + 1) % size());
}

std::shared_ptr<Endpoint> Endpoints::At(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return endpoints_[index % size()];
}

Result<std::shared_ptr<Endpoint>> Endpoints::Connect(std::size_t index, BootTime deadline) {
  std::shared_ptr<Endpoint> endpoint = At(index);
  auto connected = AwaitConnection(*endpoint, deadline);
  if (!connected && options_.use_tls && BootClock::now() < deadline && Reload()) {
    endpoint = At(index);
    connected = AwaitConnection(*endpoint, deadline);
  }
  if (!connected) return Fail(std::move(connected.error()));
  return endpoint;
}

// Whether there are other certificates now than when the connections were opened.
bool Endpoints::Reload() {
  Credentials now = Credentials::Read(options_.tls);
  const std::lock_guard lock(mutex_);
  if (now == *credentials_) return false;
  credentials_ = std::make_unique<Credentials>(std::move(now));
  Open();
  return true;
}

Result<void> Endpoints::AwaitConnection(Endpoint& endpoint, BootTime deadline) const {
  grpc::Channel& channel = *endpoint.channel;
  const BootTime began = BootClock::now();
  while (true) {
    const grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
    if (state == GRPC_CHANNEL_READY) return {};
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) return Fail(WhyNot(endpoint, deadline));
    if (!channel.WaitForStateChange(state, TransportTime(deadline))) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("no connection within {}", FormatDuration(deadline - began)));
    }
  }
}

// gRPC tells only a call why there is no connection: this one, which would do no harm.
Error Endpoints::WhyNot(Endpoint& endpoint, BootTime deadline) const {
  grpc::ClientContext context;
  context.set_deadline(TransportTime(deadline));
  etcdserverpb::StatusResponse response;
  const grpc::Status status = endpoint.maintenance->Status(&context, {}, &response);
  if (status.ok()) return {ErrorCode::kUnavailable, "the connection was lost"};
  return ExplainRefusal(status.error_message(), {.endpoint = endpoint.name,
                                                 .tls = options_.use_tls ? &options_.tls : nullptr,
                                                 .deadline = deadline});
}

}  // namespace monopod::etcd
