#include "tests/faults/stage.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/base/duration.h"
#include "tests/faults/sandbox.h"

namespace monopod::faults {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Cast {
  Workload workload;
  int clients;
};
constexpr Cast kCast[] = {{Workload::kMutex, 3},    {Workload::kRun, 3}, {Workload::kSlots, 3},
                          {Workload::kElection, 2}, {Workload::kSet, 3}, {Workload::kControl, 3}};

bool IsCrash(int code) {
  return code == 128 + SIGABRT || code == 128 + SIGSEGV || code == 128 + SIGBUS ||
         code == 128 + SIGFPE || code == 128 + SIGILL;
}

bool NeedsSet(Workload workload) {
  return workload == Workload::kSet || workload == Workload::kControl;
}

}  // namespace

Stage::Stage(const StageOptions& options, Store* store)
    : options_(options), store_(store), random_(options.seed) {}

Played Stage::Play(const Fault& fault) {
  offsets_clocks_ = fault.kind == Fault::Kind::kOffsetClocks;
  MakeClients();
  InjectFaults(fault);
  AwaitProgress();
  EndClients();
  for (auto& [workload, record] : played_.records) {
    if (NeedsSet(workload) && !IsAskedToEnd())
      played_.sets[workload] = store_->ReadSet(LockOf(workload));
  }
  return std::move(played_);
}

void Stage::MakeClients() {
  for (const Cast& cast : kCast) {
    played_.records[cast.workload];
    for (int i = 0; i < cast.clients; ++i) {
      clients_.push_back({.workload = cast.workload,
                          .number = clients_.size(),
                          .life = std::nullopt,
                          .start_at = {}});
    }
  }
}

std::string Stage::LockOf(Workload workload) const {
  return fmt::format("{}-{}", WorkloadName(workload), options_.name);
}

nanoseconds Stage::DrawDuration() {
  const nanoseconds ttl = store_->ttl();
  return random_.In({.from = ttl / 2, .to = 3 * ttl});
}

seconds Stage::DrawOffset() {
  if (!offsets_clocks_ || random_.Chance(0.4)) return seconds(0);
  // A clock cannot go back behind the boot of the machine.
  const auto uptime =
      std::chrono::duration_cast<seconds>(BootClock::now().time_since_epoch()).count();
  if (random_.Chance(0.5)) {
    return -seconds(random_.Below(static_cast<std::uint64_t>(std::max<std::int64_t>(1, uptime))));
  }
  return seconds(1 + random_.Below(1'000'000));
}

std::vector<std::string> Stage::Command(const Client& client, seconds offset) {
  std::vector<std::string> argv;
  if (offset != seconds(0)) {
    const std::string text = fmt::format("{}", offset.count());
    argv = {"unshare", "--time", "--boottime=" + text, "--monotonic=" + text};
  }
  const auto add = [&argv](std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words.begin(), words.end());
  };
  const std::string lock = LockOf(client.workload);
  const std::string ttl = FormatDuration(store_->ttl());
  const std::string serial = fmt::format("{}", serial_);
  const std::string clock = fmt::format("--clock-offset={}", offset.count());
  if (client.workload == Workload::kRun) {
    add({options_.monopod, "run", lock, "--store", store_->Url(client.number), "--ttl", ttl,
         "--wait", "10s", "--no-cgroup", "--", options_.self, "work", "--serial", serial, "--file",
         fmt::format("{}/{}.alive", kScratch, lock), clock});
  } else {
    add({options_.self, "worker", "--workload", std::string(WorkloadName(client.workload)),
         "--store", store_->Url(client.number), "--lock", lock, "--ttl",
         fmt::format("{}", store_->ttl().count()), "--serial", serial, clock});
    if (NeedsSet(client.workload)) add({"--set", store_->PlaceOfSet(lock)});
  }
  return argv;
}

void Stage::Start(Client& client) {
  ++serial_;
  ChildOptions options;
  const seconds offset = DrawOffset();
  played_.faults += offset != seconds(0) ? 1 : 0;
  options.argv = Command(client, offset);
  options.environment = store_->Environment();
  options.log = std::string(kScratch) + "/clients.log";
  client.life.emplace(Life{.process = std::make_unique<Child>(options),
                           .scribe = Scribe(&played_.records[client.workload]),
                           .killed = {},
                           .continue_at = {}});
  client.life->scribe.Invoked(BootClock::now().time_since_epoch());
}

// ---- While clients work.

void Stage::RunUntil(BootTime deadline, const std::function<bool()>& done) {
  while (BootClock::now() < deadline && !(done && done()) && !IsAskedToEnd()) {
    AwaitOutput(std::min(deadline, BootClock::now() + milliseconds(50)));
    AttendAll();
  }
}

void Stage::AwaitOutput(BootTime deadline) {
  std::vector<pollfd> polled;
  const auto add = [&polled](const Life& life) {
    polled.push_back({.fd = life.process->output(), .events = POLLIN, .revents = 0});
  };
  for (const Client& client : clients_) {
    if (client.life) add(*client.life);
  }
  for (const auto& [workload, life] : dying_) add(life);
  const auto left = std::max<nanoseconds>(deadline - BootClock::now(), nanoseconds(0));
  const timespec timeout = ToTimespec(left);
  ppoll(polled.data(), polled.size(), &timeout, nullptr);
}

void Stage::AttendAll() {
  const BootTime now = BootClock::now();
  for (Client& client : clients_) {
    if (!client.life) {
      if (!is_ending_ && now >= client.start_at) Start(client);
      continue;
    }
    Attend(*client.life, client.workload);
    if (client.life->process->IsRunning()) continue;
    dying_.emplace_back(client.workload, std::move(*client.life));
    client.life.reset();
    client.start_at = now + random_.In({.from = milliseconds(10), .to = milliseconds(300)});
  }
  for (auto& [workload, life] : dying_) {
    Attend(life, workload);
    if (life.process->IsSilent()) Bury(life, workload);
  }
  std::erase_if(dying_, [](const auto& entry) { return entry.second.process->IsSilent(); });
  ReapOrphans();
}

void Stage::Attend(Life& life, Workload workload) {
  for (const std::string& line : life.process->ReadLines()) {
    if (line.starts_with("failpoint")) {
      life.continue_at = BootClock::now() + DrawDuration();
    } else if (!life.scribe.Note(line)) {
      played_.violations.push_back(
          fmt::format("{}: a client says: {}", WorkloadName(workload), line));
    }
  }
  if (life.continue_at && (is_ending_ || BootClock::now() >= *life.continue_at)) {
    life.process->Signal(SIGCONT);
    life.continue_at.reset();
  }
}

void Stage::Bury(Life& life, Workload workload) {
  const bool is_program = workload != Workload::kRun;
  life.scribe.End(is_program ? life.killed : std::nullopt);
  if (!life.killed && IsCrash(life.process->code())) {
    played_.violations.push_back(
        fmt::format("{}: a client crashed: {}", WorkloadName(workload), life.process->code()));
  }
}

// ---- Faults.

void Stage::InjectFaults(const Fault& fault) {
  const BootTime begin = BootClock::now();
  // Something must be there to be disturbed.
  RunUntil(begin + milliseconds(1500));
  while (BootClock::now() < begin + options_.length && !IsAskedToEnd()) {
    Inject(fault);
    RunUntil(BootClock::now() + fault.stretch * DrawDuration());
    Heal(fault);
    RunUntil(BootClock::now() + random_.In({.from = milliseconds(200), .to = store_->ttl()}));
  }
}

void Stage::Inject(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kNothing:
    case Fault::Kind::kOffsetClocks: return;
    case Fault::Kind::kStore:
      fault.inject(random_);
      ++played_.faults;
      return;
    case Fault::Kind::kKillClients:
    case Fault::Kind::kStopClients: break;
  }
  const bool kills = fault.kind == Fault::Kind::kKillClients;
  for (Client* client : SomeClients(6)) {
    if (kills) client->life->killed = BootClock::now().time_since_epoch();
    client->life->process->Signal(kills ? SIGKILL : SIGSTOP);
    ++played_.faults;
  }
}

void Stage::Heal(const Fault& fault) {
  if (fault.heal) fault.heal();
  for (Client& client : clients_) {
    // Who has stopped itself is continued when it is due.
    if (client.life && !client.life->continue_at) client.life->process->Signal(SIGCONT);
  }
}

std::vector<Stage::Client*> Stage::SomeClients(std::size_t most) {
  std::vector<Client*> living;
  for (Client& client : clients_) {
    if (client.life) living.push_back(&client);
  }
  for (std::size_t i = living.size(); i > 1; --i)
    std::swap(living[i - 1], living[random_.Below(i)]);
  living.resize(std::min<std::size_t>(living.size(), 1 + random_.Below(most)));
  return living;
}

// ---- The end.

void Stage::AwaitProgress() {
  std::map<Workload, std::size_t> before;
  for (const auto& [workload, record] : played_.records) before[workload] = record.holds.size();
  const auto all_progressed = [&] {
    return std::all_of(before.begin(), before.end(), [&](const auto& entry) {
      return played_.records[entry.first].holds.size() > entry.second;
    });
  };
  const nanoseconds patience = 2 * store_->ttl() + seconds(20);
  RunUntil(BootClock::now() + patience, all_progressed);
  if (IsAskedToEnd()) return;
  for (const auto& [workload, count] : before) {
    if (played_.records[workload].holds.size() > count) continue;
    played_.violations.push_back(fmt::format("{}: nobody holds within {} after the last fault",
                                             WorkloadName(workload), FormatDuration(patience)));
  }
}

void Stage::EndClients() {
  is_ending_ = true;
  for (const Client& client : clients_) {
    if (!client.life) continue;
    client.life->process->Signal(SIGCONT);
    client.life->process->Signal(SIGTERM);
  }
  const auto all_ended = [this] {
    return dying_.empty() &&
           std::none_of(clients_.begin(), clients_.end(),
                        [](const Client& client) { return client.life.has_value(); });
  };
  RunUntil(BootClock::now() + seconds(30), all_ended);
  for (Client& client : clients_) {
    if (!client.life) continue;
    if (!IsAskedToEnd()) {
      played_.violations.push_back(fmt::format("{}: a client does not end within 30 s of SIGTERM",
                                               WorkloadName(client.workload)));
    }
    client.life->process->Signal(SIGKILL);
  }
  for (auto& [workload, life] : dying_) {
    if (!IsAskedToEnd()) {
      played_.violations.push_back(
          fmt::format("{}: something that a client started does not end", WorkloadName(workload)));
    }
    Bury(life, workload);
  }
}

}  // namespace monopod::faults
