// Clients of an API server that are not monopod, as far as their writes show: electors of client-go
// on a Lease (tools/leaderelection), and scripts that keep a lock in a ConfigMap by hand. Their
// work is not judged, but they are nasty neighbours.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/network.h"
#include "src/kube/object.h"

namespace monopod::sim {

class ForeignClient {
 public:
  ForeignClient(Environment& environment, Network& network, int number);
  virtual ~ForeignClient() = default;
  ForeignClient(const ForeignClient&) = delete;
  ForeignClient& operator=(const ForeignClient&) = delete;

  void Start();
  // Faults stopped: gives back what it holds, and comes no more.
  void Retire();

 protected:
  // One look at the lock, and what follows from it. Returns when to look again.
  virtual std::chrono::nanoseconds Look() = 0;
  virtual void GiveBack() = 0;

  // Writes a moment later what it made of what it saw, unless the object has changed since.
  void Write(const SimStore::Change& change, const std::function<void(bool landed)>& then);
  void Works(bool works);
  std::string WallText() const;
  const std::string& name() const { return name_; }
  const kube::Object* object() const { return environment_.store.ObjectOf(0); }
  Environment& environment() { return environment_; }
  TrueTime now() const { return environment_.queue.now(); }

 private:
  void Act();

  Environment& environment_;
  Network& network_;
  const std::string name_;
  bool retired_ = false;
};

// A leader elector: judges by what it observes, and renews. Some judge by a duration of their own,
// as older versions do. Stopped for a while and then told to end, it blanks what it finds, since
// it reads a fresh version but looks at the holder that it saw last.
class Elector final : public ForeignClient {
 public:
  Elector(Environment& environment, Network& network, int number);

 private:
  std::chrono::nanoseconds Look() override;
  void GiveBack() override;

  struct Spec {
    std::string holder;
    std::int64_t duration = 0;
    std::int64_t transitions = 0;
    std::string acquired;
    std::string renewed;
    bool operator==(const Spec&) const = default;
  };
  static Spec SpecOf(const kube::Object* object);
  void Observe(const Spec& spec);
  void Lead(const Spec& seen);

  const std::chrono::seconds duration_;
  const bool by_own_duration_;
  Spec observed_;
  TrueTime observed_at_{};
};

// Takes the lock when nobody's name stands there, and blanks it afterwards; some without a look at
// whose name it is.
class Script final : public ForeignClient {
 public:
  Script(Environment& environment, Network& network, int number);

 private:
  std::chrono::nanoseconds Look() override;
  void GiveBack() override;

  const bool looks_before_it_blanks_;
  bool holds_ = false;
  TrueTime until_{};
};

}  // namespace monopod::sim
