// Carries out what a queue machine asks for.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "src/etcd/api.h"
#include "src/etcd/known_slots.h"
#include "src/etcd/lease_pool.h"
#include "src/etcd/queue_machine.h"
#include "src/lock/driver.h"

namespace monopod::lock {

// An open etcd: what all claims of one client share.
struct EtcdStore {
  EtcdStore(std::shared_ptr<etcd::Api> opened, std::string key_prefix)
      : api(std::move(opened)), prefix(std::move(key_prefix)), leases(api) {}

  const std::shared_ptr<etcd::Api> api;
  const std::string prefix;  // ends with '/'
  etcd::LeasePool leases;
  etcd::SlotsMemory slots;
};

class QueueDriver : public Driver {
 public:
  QueueDriver(std::shared_ptr<EtcdStore> store, protocol::Claim claim, EventSink sink);
  QueueDriver(const QueueDriver&) = delete;
  QueueDriver& operator=(const QueueDriver&) = delete;
  ~QueueDriver() override;

  void Stop(BootTime end_by) override { machine_.Stop(end_by); }
  std::optional<protocol::Tenure> tenure() const override { return machine_.tenure(); }
  Token token() const override { return machine_.token(); }
  int slot() const override { return etcd::QueueMachine::slot(); }
  bool ends_in_time() const override { return true; }

 private:
  // What watches report, on threads of the client, until the driver looks.
  struct Mailbox {
    struct Letter {
      std::string watched;
      etcd::WatchReport report;
    };
    std::mutex mutex;
    std::condition_variable_any arrived;
    std::deque<Letter> letters;
  };
  struct Watched {
    std::string end;
    std::unique_ptr<etcd::Watch> watch;
  };

  Progress Act(const std::stop_token& wake) override;
  void TakeLetters();
  void Rewatch(const etcd::WatchAction& action);
  void Await(const etcd::AwaitAction& action, const std::stop_token& wake);

  const std::shared_ptr<EtcdStore> store_;
  etcd::QueueMachine machine_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::map<std::string, Watched> watches_;  // by the beginning of what is watched
};

}  // namespace monopod::lock
