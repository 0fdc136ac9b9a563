#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/etcd_client.h"
#include "tests/support/etcd_server.h"

namespace monopod::etcd {
namespace {

using monopod::testing::ClientOf;
using monopod::testing::EtcdCluster;
using monopod::testing::Soon;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(ClusterTest, TellsOfItsMembersAndTheirState) {
  EtcdCluster cluster;
  std::vector<std::string> endpoints;
  for (std::size_t i = 0; i < cluster.size(); ++i)
    endpoints.push_back(cluster.member(i).endpoint());
  const auto client = ClientOf(endpoints);
  EXPECT_EQ(client->Endpoints(), endpoints);

  const auto members = client->Members(Soon());
  ASSERT_TRUE(members) << members.error().message;
  std::set<MemberId> ids;
  std::set<std::string> names;
  for (const Member& member : *members) {
    ids.insert(member.member);
    names.insert(member.name);
    EXPECT_EQ(member.client_urls.size(), 1U);
    EXPECT_EQ(member.peer_urls.size(), 1U);
    EXPECT_FALSE(member.learner);
  }
  EXPECT_EQ(names, (std::set<std::string>{"one", "two", "three"}));

  const std::size_t leader = cluster.Leader();
  const auto of_leader = client->Status(endpoints[leader], Soon());
  ASSERT_TRUE(of_leader) << of_leader.error().message;
  for (const std::string& endpoint : endpoints) {
    const auto status = client->Status(endpoint, Soon());
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(ids.contains(status->member));
    EXPECT_EQ(status->leader, of_leader->member);
    EXPECT_THAT(status->version, StartsWith("3."));
    EXPECT_GT(status->database_bytes, 0);
    EXPECT_GT(status->database_bytes_in_use, 0);
    EXPECT_GT(status->raft_term, 0U);
    EXPECT_GT(status->raft_index, 0U);
    EXPECT_GT(status->raft_applied_index, 0U);
    EXPECT_FALSE(status->learner);
    EXPECT_THAT(status->errors, IsEmpty());
  }
  const auto alarms = client->Alarms(Soon());
  ASSERT_TRUE(alarms) << alarms.error().message;
  EXPECT_THAT(*alarms, IsEmpty());
}

TEST(ClusterTest, StatusIsOfOneEndpointOnly) {
  EtcdCluster cluster;
  const std::size_t leader = cluster.Leader();
  const std::size_t other = (leader + 1) % cluster.size();
  const auto client =
      ClientOf({cluster.member(leader).endpoint(), cluster.member(other).endpoint()});
  cluster.member(other).Kill();
  EXPECT_EQ(client->Status(cluster.member(other).endpoint(), Soon()).error().code,
            ErrorCode::kUnavailable);
  EXPECT_TRUE(client->Status(cluster.member(leader).endpoint(), Soon()));
  EXPECT_EQ(client->Status("127.0.0.1:1", Soon()).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace monopod::etcd
