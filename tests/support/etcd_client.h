// A client of an etcd server of a test, and what tests ask it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "src/base/nonce.h"
#include "src/etcd/client/client.h"
#include "tests/support/process.h"

namespace monopod::testing {

inline BootTime In(std::chrono::milliseconds time) { return BootClock::now() + time; }
// A deadline that only a failed test meets.
inline BootTime Soon() { return In(kPatience); }

inline std::unique_ptr<etcd::Client> ClientOf(std::vector<std::string> endpoints) {
  etcd::ClientOptions options;
  options.endpoints = std::move(endpoints);
  return etcd::MakeClient(options);
}

inline etcd::LeaseId RandomLease() {
  return static_cast<etcd::LeaseId>(std::stoull(RandomNonce().substr(0, 15), nullptr, 16) | 1U);
}

// What a range has; empty, too, if it cannot be read.
inline std::vector<std::string> ValuesOf(etcd::Api& api, etcd::Range range) {
  std::vector<std::string> values;
  const auto reply = api.Transact({.compares = {}, .then = {std::move(range)}}, Soon());
  if (!reply) return values;
  for (const etcd::KeyValue& found : std::get<etcd::RangeReply>(reply->replies.at(0)).found) {
    values.push_back(found.value);
  }
  return values;
}

}  // namespace monopod::testing
