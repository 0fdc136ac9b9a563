// What the API server does with a request once it has arrived: rights, verbs, and the answer.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/kube_server.h"
#include "tests/support/kube_server_access.h"
#include "tests/support/kube_server_decode.h"
#include "tests/support/kube_server_selectors.h"
#include "tests/support/kube_server_store.h"

namespace monopod::testing::kube_server {

struct Call {
  KubeRequest request;
  Target target;
  std::string content_type;
  // Nothing: 401.
  std::optional<std::string> user;
  // Of a call that waited for the watch cache.
  std::optional<std::int64_t> awaited;
  bool patience_is_over = false;
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::shared_ptr<const std::string> body;
  std::vector<std::pair<std::string, std::string>> headers;
};
Answer AnswerOf(const Failure& failure);
Answer AnswerOf(int status, std::string body, std::string content_type = "application/json");

// The answer is a stream of changes.
struct WatchPlan {
  const ResourceType* type = nullptr;
  Selector selector;
  std::vector<StoredPointer> state;  // to begin with
  std::int64_t after = 0;            // then what changed after this version
  bool bookmarks = false;
  std::chrono::seconds timeout = {};
  std::optional<Failure> error;  // nothing but this
};

// Ask again when the watch cache has seen this version, or patience is over.
struct AwaitCache {
  std::int64_t version = 0;
};

using Handled = std::variant<Answer, WatchPlan, AwaitCache>;

// The verb of a request, and what it is about; of no resource: the method in lower case.
void Describe(const Target& target, KubeRequest* request);

class Service {
 public:
  Service(ObjectStore* store, Access* access) : store_(*store), access_(*access) {}

  Handled Handle(Call* call);

 private:
  Handled HandleResource(Call* call);
  Outcome<Answer> Dispatch(Call* call);
  Outcome<Answer> Create(const Call& call);
  Outcome<Answer> Update(const Call& call);
  Outcome<Answer> Patch(const Call& call);
  Outcome<Answer> Delete(const Call& call);
  Outcome<Answer> DeleteCollection(const Call& call);
  Outcome<Answer> AccessReview(const Call& call);
  Handled Get(Call* call);
  Handled List(Call* call);
  Handled Watch(Call* call);
  Answer Page(const Call& call, const Selector& selector, std::int64_t version, bool limited);
  Outcome<std::int64_t> ListVersion(const Call& call) const;
  std::optional<Answer> Discovery(const Call& call) const;

  // Decodes the body as far as its fields can be trusted.
  struct Body {
    Json object;
    std::vector<std::string> warnings;
  };
  Outcome<Body> ReadBody(const Call& call, Json json) const;
  Outcome<Body> ReadBody(const Call& call) const;
  Outcome<Answer> CreateNamed(const Call& call, Body body);
  Outcome<Answer> Replace(const Call& call, const Stored& old, Body body);
  std::optional<Failure> MissingNamespace(const Target& target) const;
  std::optional<Failure> Denied(const Call& call, const std::string& verb) const;
  Answer AnswerWith(const Call& call, int status, const Stored& stored, const Body& body) const;
  std::string NewUid();
  std::string Suffix();

  ObjectStore& store_;
  Access& access_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace monopod::testing::kube_server
