#include "sim/queue/transaction_text.h"

#include <fmt/format.h>

#include <string_view>

namespace monopod::sim::queue {
namespace {

using etcd::Compare;
using etcd::Operation;
using etcd::TransactionReply;

std::string TextOfCompare(const Compare& compare) {
  constexpr std::string_view kRelations[] = {"=", "!=", "<", ">"};
  const std::string_view relation = kRelations[static_cast<std::size_t>(compare.relation)];
  switch (compare.target) {
    case Compare::Target::kCreateRevision:
      return fmt::format("create({}){}{}", compare.key, relation, compare.revision);
    case Compare::Target::kModRevision:
      return fmt::format("mod({}){}{}", compare.key, relation, compare.revision);
    case Compare::Target::kValue:
      return fmt::format("value({}){}{}", compare.key, relation, compare.value);
  }
  return {};
}

std::string TextOfAll(const std::vector<Operation>& operations) {
  std::string text;
  for (const Operation& operation : operations) {
    if (const auto* put = std::get_if<etcd::Put>(&operation)) {
      text += fmt::format(" put {}", put->key);
    } else if (const auto* range = std::get_if<etcd::Delete>(&operation)) {
      text += fmt::format(" delete {}{}", range->key, range->end.empty() ? "" : "...");
    } else if (const auto* read = std::get_if<etcd::Range>(&operation)) {
      text += fmt::format(" get {}{}", read->key, read->end.empty() ? "" : "...");
    } else {
      text += fmt::format(" ({})", queue::TextOf(std::get<etcd::Transaction>(operation)));
    }
  }
  return text;
}

}  // namespace

std::string TextOf(const etcd::Transaction& transaction) {
  std::string text;
  for (const Compare& compare : transaction.compares) text += TextOfCompare(compare) + " ";
  text += "then" + TextOfAll(transaction.then);
  if (!transaction.otherwise.empty()) text += " else" + TextOfAll(transaction.otherwise);
  return text;
}

std::string TextOf(const TransactionReply& reply) {
  std::string text = fmt::format("{} at {}", reply.succeeded ? "true" : "false", reply.revision);
  for (const auto& one : reply.replies) {
    if (const auto* range = std::get_if<etcd::RangeReply>(&one)) {
      text += " [";
      for (const auto& at : range->found) {
        text += fmt::format(" {}@{}/{}", at.key, at.create_revision, at.mod_revision);
      }
      text += " ]";
    } else if (const auto* deleted = std::get_if<etcd::DeleteReply>(&one)) {
      text += fmt::format(" -{}", deleted->deleted);
    } else if (const auto* nested = std::get_if<TransactionReply>(&one)) {
      text += " (" + TextOf(*nested) + ")";
    }
  }
  return text;
}

std::string TextOf(const etcd::WatchReport& report) {
  if (report.kind == etcd::WatchReport::Kind::kStarted) return "started";
  if (report.kind == etcd::WatchReport::Kind::kBroken) return "broken";
  std::string text;
  for (const auto& event : report.events) {
    text += fmt::format("{} {}@{}{} ", event.deleted ? "deleted" : "put", event.now.key,
                        event.now.mod_revision, event.previous ? "" : " without previous");
  }
  return text;
}

}  // namespace monopod::sim::queue
