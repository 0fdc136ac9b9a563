// Three members of etcd, each in a network namespace and on a file system of its own, so that each
// can be killed, stopped, cut off or left without a disk. Clients reach them through relays.
//
// Needs the sandbox. Aborts the trial if the cluster cannot be had.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/faults/child.h"
#include "tests/faults/relay.h"
#include "tests/faults/store.h"

namespace monopod::faults {

class EtcdStore : public Store {
 public:
  static constexpr std::size_t kMembers = 3;

  explicit EtcdStore(std::uint64_t seed);
  ~EtcdStore() override;

  std::string name() const override { return "etcd"; }
  std::string Url(std::uint64_t client) const override;
  std::chrono::seconds ttl() const override { return std::chrono::seconds(2); }
  std::vector<Fault> Faults() override;
  void Tidy() override;
  std::string PlaceOfSet(const std::string& lock) const override { return lock; }
  std::string ReadSet(const std::string& lock) override;

 private:
  struct Member {
    std::unique_ptr<Child> process;
    std::unique_ptr<Relay> relay;
    bool is_cut = false;  // its link is down
    bool has_holes = false;
    bool is_frozen = false;
  };

  void MakeNetwork() const;
  void MakeDisk(std::size_t member) const;
  void Start(std::size_t member);
  void AwaitHealthy(std::size_t member) const;
  bool Leads(std::size_t member) const;
  std::size_t Leader() const;
  std::size_t Follower(sim::Random& random) const;

  void Signal(const std::vector<std::size_t>& members, int signal);
  // What `from` sends to `to` is lost.
  void Lose(std::size_t from, std::size_t to);
  void CutOff(std::size_t member);
  void FreezeDisk(std::size_t member);
  void FillUp();
  void Compact();
  void RestartOneByOne();
  void Slow(sim::Random& random);
  // Everything works as it should, and says so.
  void Heal();

  std::vector<Fault> FaultsOfProcesses();
  std::vector<Fault> FaultsOfNetwork();

  std::array<Member, kMembers> members_;
};

}  // namespace monopod::faults
