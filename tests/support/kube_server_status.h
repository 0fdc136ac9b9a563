// What the test server answers when it refuses: Status objects as a real server words them.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "tests/support/kube_server_resources.h"

namespace monopod::testing::kube_server {

using Json = nlohmann::json;

struct Failure {
  int code = 500;
  Json status;  // the Status object
};

template <class T>
using Outcome = tl::expected<T, Failure>;

inline tl::unexpected<Failure> Refuse(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}

// What is wrong with one field of an object.
struct Cause {
  std::string reason;  // "FieldValueInvalid"
  std::string message;
  std::string field;
};

struct FailureText {
  std::string reason;
  std::string message;
};
Failure MakeFailure(int code, const FailureText& text, const Json& details = nullptr);

Failure BadRequest(const std::string& message);
Failure NotFound(const ResourceType& type, const std::string& name);
Failure AlreadyExists(const ResourceType& type, const std::string& name);
Failure Conflict(const ResourceType& type, const std::string& name, const std::string& why);
Failure Modified(const ResourceType& type, const std::string& name);
// Details name the kind ("ConfigMap") or, where a real server does so, the resource.
Failure Invalid(const ResourceType& type, const std::string& name,
                const std::vector<Cause>& causes);
Failure InvalidResource(const ResourceType& type, const std::string& name, const Cause& cause);
Failure Expired(const std::string& message);
Failure TooLargeVersion(std::int64_t wanted, std::int64_t current);
Failure Unauthorized();
Failure MethodNotAllowed();
Failure UnsupportedMediaType(const std::string& accepted);
// Without a reason, as errors that a real server did not expect.
Failure Unexpected(const std::string& message);

}  // namespace monopod::testing::kube_server
