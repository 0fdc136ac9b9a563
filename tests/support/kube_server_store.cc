#include "tests/support/kube_server_store.h"

#include <algorithm>
#include <utility>

#include "tests/support/kube_server_events.h"

namespace monopod::testing::kube_server {

std::string ItemText(const ResourceType& type, const Stored& stored) {
  return IsNewEvent(type) ? NewEvent(stored.object).dump() : stored.text;
}

std::string FullText(const ResourceType& type, const Stored& stored) {
  std::string text =
      R"({"kind":")" + type.kind + R"(","apiVersion":")" + type.api_version() + R"(",)";
  if (IsNewEvent(type)) return text.append(ItemText(type, stored), 1);
  return text.append(stored.text, 1);
}

StoredPointer ObjectStore::Find(const Target& target) const {
  const Objects& objects = All(*target.type);
  const auto found = objects.find(target.Key());
  return found == objects.end() ? nullptr : found->second;
}

const Objects& ObjectStore::All(const ResourceType& type) const {
  static const Objects kNone;
  const auto found = objects_.find(type.plural);
  return found == objects_.end() ? kNone : found->second;
}

Objects ObjectStore::AllAt(const ResourceType& type, std::int64_t version) const {
  Objects objects = All(type);
  for (auto change = history_.rbegin(); change != history_.rend(); ++change) {
    if (change->version <= version) break;
    if (change->resource != type.plural) continue;
    if (change->before == nullptr) {
      objects.erase(change->key);
    } else {
      objects[change->key] = change->before;
    }
  }
  return objects;
}

StoredPointer ObjectStore::Write(const Target& target, Json object) {
  return Commit(target, std::move(object), false);
}

StoredPointer ObjectStore::Erase(const Target& target) {
  return Commit(target, Find(target)->object, true);
}

StoredPointer ObjectStore::Commit(const Target& target, Json object, bool deleted) {
  auto stored = std::make_shared<Stored>();
  stored->version = ++revision_;
  stored->object = std::move(object);
  stored->object["metadata"]["resourceVersion"] = std::to_string(revision_);
  stored->text = stored->object.dump();

  Objects& objects = objects_[target.type->plural];
  std::string key = target.Key();
  StoredPointer& place = objects[key];
  StoredPointer before = std::exchange(place, stored);
  if (deleted) objects.erase(key);
  history_.push_back({.version = revision_,
                      .resource = target.type->plural,
                      .key = std::move(key),
                      .before = std::move(before),
                      .now = stored,
                      .deleted = deleted});
  Trim(history_limit_);
  if (commit_hook_) commit_hook_();
  return stored;
}

void ObjectStore::Trim(std::size_t limit) {
  while (history_.size() > limit && history_.front().version <= cache_revision_) {
    compacted_ = history_.front().version;
    history_.pop_front();
  }
}

std::vector<const Change*> ObjectStore::ChangesAfter(std::int64_t after) const {
  const auto first = std::upper_bound(
      history_.begin(), history_.end(), after,
      [](std::int64_t value, const Change& change) { return value < change.version; });
  std::vector<const Change*> changes;
  for (auto change = first; change != history_.end() && change->version <= cache_revision_;
       ++change) {
    changes.push_back(&*change);
  }
  return changes;
}

void ObjectStore::AdvanceCache(std::int64_t version) {
  cache_revision_ = std::max(cache_revision_, std::min(version, revision_));
}

void ObjectStore::Compact() {
  Trim(0);
  compacted_ = cache_revision_;
}

}  // namespace monopod::testing::kube_server
