// The open watches: who gets which change.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/kube_server_service.h"

namespace monopod::testing::kube_server {

// A chunk of HTTP with an event in it, shared by all watches that get it.
using Frame = std::shared_ptr<const std::string>;

class WatchHub {
 public:
  explicit WatchHub(const ObjectStore* store) : store_(*store), delivered_(store->revision()) {}

  struct Watch {
    WatchPlan plan;
    std::string key;  // of the only object it is about; empty: of many
    std::int64_t position = 0;
    // False: the watch is over.
    std::function<bool(Frame)> send;
    bool open = true;
  };
  using Pointer = std::shared_ptr<Watch>;

  // Sends what there is already.
  Pointer Open(WatchPlan plan, std::function<bool(Frame)> send);
  void Close(const Pointer& watch);
  // Sends what the watch cache has seen since.
  void Deliver();
  void Bookmark(const Pointer& watch);
  // Tells it that its version is too old.
  void Expire(const Pointer& watch);

 private:
  class Frames;
  static void Send(const Pointer& watch, const Change& change, Frames* frames);

  const ObjectStore& store_;
  std::int64_t delivered_;
  bool delivering_ = false;
  std::vector<Pointer> watches_;
};

}  // namespace monopod::testing::kube_server
