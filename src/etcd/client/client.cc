#include "src/etcd/client/client.h"

#include <fmt/format.h>
#include <grpc/support/log.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "src/etcd/client/caller.h"
#include "src/etcd/client/convert.h"
#include "src/etcd/client/stubs.h"
#include "src/etcd/client/watch_hub.h"

namespace monopod::etcd {
namespace {

namespace pb = etcdserverpb;

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(const ClientOptions& options) : caller_(options), watches_(caller_) {}

  Result<std::chrono::seconds> Grant(LeaseId id, std::chrono::seconds ttl,
                                     BootTime deadline) override;
  Result<std::chrono::seconds> KeepAlive(LeaseId id, BootTime deadline) override;
  Result<void> Revoke(LeaseId id, BootTime deadline) override;
  Result<TimeToLive> AskTimeToLive(LeaseId id, BootTime deadline) override;
  Result<TransactionReply> Transact(const Transaction& transaction, BootTime deadline) override;
  std::unique_ptr<Watch> StartWatch(std::string key, std::string end,
                                    std::function<void(WatchReport)> report) override {
    return watches_.Start({std::move(key), std::move(end)}, std::move(report));
  }

  const std::vector<std::string>& Endpoints() const override { return caller_.endpoints().names(); }
  Result<MemberStatus> Status(const std::string& endpoint, BootTime deadline) override;
  Result<std::vector<Alarm>> Alarms(BootTime deadline) override;
  Result<std::vector<Member>> Members(BootTime deadline) override;

 private:
  Caller caller_;
  WatchHub watches_;
};

Result<std::chrono::seconds> GrpcClient::Grant(LeaseId id, std::chrono::seconds ttl,
                                               BootTime deadline) {
  pb::LeaseGrantRequest request;
  request.set_id(id);
  request.set_ttl(ttl.count());
  pb::LeaseGrantResponse response;
  return caller_
      .Make({.what = "grant of a lease", .deadline = deadline},
            [&](Endpoint& endpoint, grpc::ClientContext& context) {
              return endpoint.lease->LeaseGrant(&context, request, &response);
            })
      .map([&] { return std::chrono::seconds(response.ttl()); });
}

// A stream of one question and one answer. One for all leases would have to tell late answers from
// due ones, and a slow one would hold up the others: the server answers them in turn.
Result<std::chrono::seconds> GrpcClient::KeepAlive(LeaseId id, BootTime deadline) {
  pb::LeaseKeepAliveRequest request;
  request.set_id(id);
  pb::LeaseKeepAliveResponse response;
  const Call call{.what = "renewal of a lease", .repeatable = true, .deadline = deadline};
  auto renewed = caller_.Make(call, [&](Endpoint& endpoint, grpc::ClientContext& context) {
    // A member that knows no leader says so at once.
    context.AddMetadata("hasleader", "true");
    const auto stream = endpoint.lease->LeaseKeepAlive(&context);
    stream->WriteLast(request, {});
    const bool answered = stream->Read(&response);
    grpc::Status status = stream->Finish();
    if (answered) return grpc::Status::OK;
    if (status.ok()) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "it gave no answer");
    return status;
  });
  if (!renewed) return Fail(std::move(renewed.error()));
  if (response.ttl() <= 0) return Fail(ErrorCode::kNotFound, "the lease does not exist any more");
  return std::chrono::seconds(response.ttl());
}

Result<void> GrpcClient::Revoke(LeaseId id, BootTime deadline) {
  pb::LeaseRevokeRequest request;
  request.set_id(id);
  pb::LeaseRevokeResponse response;
  return caller_.Make({.what = "revocation of a lease", .deadline = deadline},
                      [&](Endpoint& endpoint, grpc::ClientContext& context) {
                        return endpoint.lease->LeaseRevoke(&context, request, &response);
                      });
}

Result<TimeToLive> GrpcClient::AskTimeToLive(LeaseId id, BootTime deadline) {
  pb::LeaseTimeToLiveRequest request;
  request.set_id(id);
  pb::LeaseTimeToLiveResponse response;
  return caller_
      .Make({.what = "question about a lease", .repeatable = true, .deadline = deadline},
            [&](Endpoint& endpoint, grpc::ClientContext& context) {
              return endpoint.lease->LeaseTimeToLive(&context, request, &response);
            })
      .map([&] {
        return TimeToLive{.left = std::chrono::seconds(response.ttl()),
                          .granted = std::chrono::seconds(response.grantedttl())};
      });
}

Result<TransactionReply> GrpcClient::Transact(const Transaction& transaction, BootTime deadline) {
  pb::TxnRequest request;
  Convert(transaction, request);
  pb::TxnResponse response;
  const bool mutates = Mutates(transaction);
  return caller_
      .Make(
          {.what = mutates ? "transaction" : "read", .repeatable = !mutates, .deadline = deadline},
          [&](Endpoint& endpoint, grpc::ClientContext& context) {
            return endpoint.kv->Txn(&context, request, &response);
          })
      .map([&] { return Convert(response); });
}

Result<MemberStatus> GrpcClient::Status(const std::string& name, BootTime deadline) {
  pb::StatusResponse response;
  const Call call{.what = "question for its status", .repeatable = true, .deadline = deadline};
  auto asked = caller_.MakeAt(name, call, [&](Endpoint& endpoint, grpc::ClientContext& context) {
    return endpoint.maintenance->Status(&context, {}, &response);
  });
  if (!asked) return Fail(std::move(asked.error()));
  return MemberStatus{.member = response.header().member_id(),
                      .leader = response.leader(),
                      .version = response.version(),
                      .database_bytes = response.dbsize(),
                      .database_bytes_in_use = response.dbsizeinuse(),
                      .raft_term = response.raftterm(),
                      .raft_index = response.raftindex(),
                      .raft_applied_index = response.raftappliedindex(),
                      .learner = response.islearner(),
                      .errors = {response.errors().begin(), response.errors().end()}};
}

Alarm::Kind KindOf(pb::AlarmType type) {
  if (type == pb::NOSPACE) return Alarm::Kind::kNoSpace;
  if (type == pb::CORRUPT) return Alarm::Kind::kCorrupt;
  return Alarm::Kind::kOther;
}

Result<std::vector<Alarm>> GrpcClient::Alarms(BootTime deadline) {
  pb::AlarmResponse response;
  const Call call{.what = "question for alarms", .repeatable = true, .deadline = deadline};
  auto asked = caller_.Make(call, [&](Endpoint& endpoint, grpc::ClientContext& context) {
    return endpoint.maintenance->Alarm(&context, {}, &response);
  });
  if (!asked) return Fail(std::move(asked.error()));
  std::vector<Alarm> alarms;
  for (const pb::AlarmMember& alarm : response.alarms()) {
    alarms.push_back({.member = alarm.memberid(), .kind = KindOf(alarm.alarm())});
  }
  return alarms;
}

Result<std::vector<Member>> GrpcClient::Members(BootTime deadline) {
  pb::MemberListResponse response;
  const Call call{.what = "question for the members", .repeatable = true, .deadline = deadline};
  auto asked = caller_.Make(call, [&](Endpoint& endpoint, grpc::ClientContext& context) {
    return endpoint.cluster->MemberList(&context, {}, &response);
  });
  if (!asked) return Fail(std::move(asked.error()));
  std::vector<Member> members;
  for (const pb::Member& member : response.members()) {
    members.push_back({.member = member.id(),
                       .name = member.name(),
                       .peer_urls = {member.peerurls().begin(), member.peerurls().end()},
                       .client_urls = {member.clienturls().begin(), member.clienturls().end()},
                       .learner = member.islearner()});
  }
  return members;
}

}  // namespace

std::unique_ptr<Client> MakeClient(const ClientOptions& options) {
  return std::make_unique<GrpcClient>(options);
}

void SilenceTransport() {
  if (std::getenv("GRPC_VERBOSITY") != nullptr) return;
  gpr_set_log_function([](gpr_log_func_args* args) {
    // With this it ends the program.
    if (!std::string_view(args->message).starts_with("assertion failed")) return;
    fmt::print(stderr, "gRPC: {}:{}: {}\n", args->file, args->line, args->message);
  });
}

}  // namespace monopod::etcd
