// Requests, answers and reports in words, for traces.
#pragma once

#include <string>

#include "src/etcd/api.h"

namespace monopod::sim::queue {

std::string TextOf(const etcd::Transaction& transaction);
std::string TextOf(const etcd::TransactionReply& reply);
std::string TextOf(const etcd::WatchReport& report);

}  // namespace monopod::sim::queue
