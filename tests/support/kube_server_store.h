// The objects of the test server and their history: etcd and the watch cache in one.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

// One version of an object. It never changes, so that readers and watchers share it.
struct Stored {
  Json object;  // without kind and apiVersion, as the items of a list are
  std::int64_t version = 0;
  std::string text;  // of the object
};
using StoredPointer = std::shared_ptr<const Stored>;
using Objects = std::map<std::string, StoredPointer>;  // by Target::Key()

// The object as `type` shows it: core events are shown in another form by events.k8s.io.
std::string ItemText(const ResourceType& type, const Stored& stored);
std::string FullText(const ResourceType& type, const Stored& stored);

// One change; `now` of a deleted object is its last state with the version of its deletion.
struct Change {
  std::int64_t version = 0;
  std::string resource;
  std::string key;
  StoredPointer before;  // null: created
  StoredPointer now;
  bool deleted = false;
};

class ObjectStore {
 public:
  explicit ObjectStore(std::size_t history_limit) : history_limit_(history_limit) {}

  std::int64_t revision() const { return revision_; }
  // What the watch cache has seen.
  std::int64_t cache_revision() const { return cache_revision_; }
  // From versions older than this nobody can go on.
  std::int64_t compacted() const { return compacted_; }

  // Null if there is none.
  StoredPointer Find(const Target& target) const;
  const Objects& All(const ResourceType& type) const;
  // As they were at a version that is not older than compacted().
  Objects AllAt(const ResourceType& type, std::int64_t version) const;

  // Each gets the next version. The object must have metadata.
  StoredPointer Write(const Target& target, Json object);
  StoredPointer Erase(const Target& target);

  // Called after each change.
  void SetCommitHook(std::function<void()> hook) { commit_hook_ = std::move(hook); }
  // The changes in (`after`, cache_revision()].
  std::vector<const Change*> ChangesAfter(std::int64_t after) const;
  void AdvanceCache(std::int64_t version);
  // As much as the watch cache has seen is forgotten.
  void Compact();

 private:
  StoredPointer Commit(const Target& target, Json object, bool deleted);
  void Trim(std::size_t limit);

  const std::size_t history_limit_;
  // A cluster has a past.
  std::int64_t revision_ = 1000;
  std::int64_t cache_revision_ = revision_;
  std::int64_t compacted_ = revision_;
  std::map<std::string, Objects> objects_;  // by resource
  std::deque<Change> history_;
  std::function<void()> commit_hook_;
};

}  // namespace monopod::testing::kube_server
