#include "src/etcd/client/convert.h"

#include <algorithm>
#include <utility>

#include "src/etcd/client/stubs.h"

namespace monopod::etcd {
namespace {

namespace pb = etcdserverpb;

pb::Compare::CompareResult RelationOf(Compare::Relation relation) {
  switch (relation) {
    case Compare::Relation::kEqual: return pb::Compare::EQUAL;
    case Compare::Relation::kNotEqual: return pb::Compare::NOT_EQUAL;
    case Compare::Relation::kLess: return pb::Compare::LESS;
    case Compare::Relation::kGreater: return pb::Compare::GREATER;
  }
  return pb::Compare::EQUAL;
}

void Add(const Compare& compare, pb::Compare& to) {
  to.set_key(compare.key);
  to.set_range_end(compare.end);
  to.set_result(RelationOf(compare.relation));
  switch (compare.target) {
    case Compare::Target::kCreateRevision:
      to.set_target(pb::Compare::CREATE);
      to.set_create_revision(compare.revision);
      break;
    case Compare::Target::kModRevision:
      to.set_target(pb::Compare::MOD);
      to.set_mod_revision(compare.revision);
      break;
    case Compare::Target::kValue:
      to.set_target(pb::Compare::VALUE);
      to.set_value(compare.value);
      break;
  }
}

struct OperationWriter {
  pb::RequestOp& to;

  void operator()(const Put& put) const {
    pb::PutRequest& request = *to.mutable_request_put();
    request.set_key(put.key);
    request.set_value(put.value);
    request.set_lease(put.lease);
  }
  void operator()(const Delete& deletion) const {
    pb::DeleteRangeRequest& request = *to.mutable_request_delete_range();
    request.set_key(deletion.key);
    request.set_range_end(deletion.end);
  }
  void operator()(const Range& range) const {
    pb::RangeRequest& request = *to.mutable_request_range();
    request.set_key(range.key);
    request.set_range_end(range.end);
    request.set_limit(range.limit);
    request.set_max_create_revision(range.max_create_revision);
    request.set_keys_only(range.keys_only);
    if (range.order == Range::Order::kByKey) return;  // as the server finds them
    request.set_sort_target(pb::RangeRequest::CREATE);
    request.set_sort_order(range.order == Range::Order::kNewestFirst ? pb::RangeRequest::DESCEND
                                                                     : pb::RangeRequest::ASCEND);
  }
  void operator()(const Transaction& transaction) const {
    Convert(transaction, *to.mutable_request_txn());
  }
};

KeyValue KeyValueOf(const mvccpb::KeyValue& from) {
  return {.key = from.key(),
          .value = from.value(),
          .create_revision = from.create_revision(),
          .mod_revision = from.mod_revision(),
          .lease = from.lease()};
}

OperationReply ReplyOf(const pb::ResponseOp& response) {
  switch (response.response_case()) {
    case pb::ResponseOp::kResponseRange: {
      RangeReply reply{.found = {}, .more = response.response_range().more()};
      for (const mvccpb::KeyValue& found : response.response_range().kvs()) {
        reply.found.push_back(KeyValueOf(found));
      }
      return reply;
    }
    case pb::ResponseOp::kResponseDeleteRange:
      return DeleteReply{.deleted = response.response_delete_range().deleted()};
    case pb::ResponseOp::kResponseTxn: return Convert(response.response_txn());
    case pb::ResponseOp::kResponsePut:
    case pb::ResponseOp::RESPONSE_NOT_SET: break;
  }
  return PutReply{};
}

}  // namespace

void Convert(const Transaction& transaction, pb::TxnRequest& request) {
  for (const Compare& compare : transaction.compares) Add(compare, *request.add_compare());
  for (const Operation& operation : transaction.then) {
    std::visit(OperationWriter{*request.add_success()}, operation);
  }
  for (const Operation& operation : transaction.otherwise) {
    std::visit(OperationWriter{*request.add_failure()}, operation);
  }
}

TransactionReply Convert(const pb::TxnResponse& response) {
  TransactionReply reply{
      .succeeded = response.succeeded(), .replies = {}, .revision = response.header().revision()};
  for (const pb::ResponseOp& operation : response.responses()) {
    reply.replies.push_back(ReplyOf(operation));
  }
  return reply;
}

WatchEvent Convert(const mvccpb::Event& event) {
  WatchEvent converted{.deleted = event.type() == mvccpb::Event::DELETE,
                       .now = KeyValueOf(event.kv()),
                       .previous = {}};
  if (event.has_prev_kv()) converted.previous = KeyValueOf(event.prev_kv());
  return converted;
}

bool Mutates(const Transaction& transaction) {
  const auto mutates = [](const Operation& operation) {
    if (const auto* nested = std::get_if<Transaction>(&operation)) return Mutates(*nested);
    return !std::holds_alternative<Range>(operation);
  };
  return std::any_of(transaction.then.begin(), transaction.then.end(), mutates) ||
         std::any_of(transaction.otherwise.begin(), transaction.otherwise.end(), mutates);
}

}  // namespace monopod::etcd
