// kube-test-server: the Kubernetes API server of the tests as a program, for benchmarks and
// scripts.
#include <pthread.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tests/support/kube_server.h"
#include "tests/support/process.h"

namespace {

using monopod::testing::KubeFaults;

std::chrono::milliseconds Milliseconds(const std::string& text) {
  return std::chrono::milliseconds(std::stoll(text));
}

// "NAME=VALUE"; false: no such fault.
bool AddFault(const std::string& text, KubeFaults* faults) {
  const std::map<std::string, std::function<void(const std::string&)>> known = {
      {"delay-ms", [&](const auto& value) { faults->delay = Milliseconds(value); }},
      {"delay-spread-ms", [&](const auto& value) { faults->delay_spread = Milliseconds(value); }},
      {"cache-delay-ms", [&](const auto& value) { faults->cache_delay = Milliseconds(value); }},
      {"lost-request", [&](const auto& value) { faults->lost_request = std::stod(value); }},
      {"lost-reply", [&](const auto& value) { faults->lost_reply = std::stod(value); }},
      {"too-many-requests",
       [&](const auto& value) { faults->too_many_requests = std::stod(value); }},
      {"retry-after",
       [&](const auto& value) { faults->retry_after = std::chrono::seconds(std::stoll(value)); }},
      {"internal-error", [&](const auto& value) { faults->internal_error = std::stod(value); }},
      {"unavailable", [&](const auto& value) { faults->unavailable = std::stod(value); }},
      {"watch-closed", [&](const auto& value) { faults->watch_closed = std::stod(value); }},
      {"times", [&](const auto& value) { faults->times = std::stoi(value); }},
      {"seed", [&](const auto& value) { faults->seed = std::stoull(value); }},
  };
  const std::size_t equals = text.find('=');
  const auto found = known.find(text.substr(0, equals));
  if (equals == std::string::npos || found == known.end()) return false;
  try {
    found->second(text.substr(equals + 1));
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A Kubernetes API server for tests, with its state in memory; runs until SIGTERM.");
  monopod::testing::KubeServerOptions options;
  std::string kubeconfig;
  std::vector<std::string> fault_texts;
  bool plain = false;
  app.add_option("--port", options.port, "on 127.0.0.1; a free one if not given");
  app.add_option("--kubeconfig-out", kubeconfig, "where to write how to reach it");
  app.add_option(
      "--fault", fault_texts,
      "NAME=VALUE: delay-ms, delay-spread-ms, cache-delay-ms, retry-after (s), times, seed; "
      "probabilities: lost-request, lost-reply, too-many-requests, internal-error, "
      "unavailable, watch-closed");
  app.add_flag("--plain", plain, "without TLS");
  CLI11_PARSE(app, argc, argv);
  options.tls = !plain;
  KubeFaults faults;
  for (const std::string& text : fault_texts) {
    if (AddFault(text, &faults)) continue;
    std::cerr << "kube-test-server: unknown fault " << text << '\n';
    return 64;
  }

  // Blocked in all threads, so that it can be waited for.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  monopod::testing::KubeServer server(options);
  server.SetFaults(faults);
  if (!kubeconfig.empty()) monopod::testing::WriteFile(kubeconfig, server.Kubeconfig("admin"));
  std::cout << server.url() << std::endl;  // flushed: a script waits for it
  int signal = 0;
  while (sigwait(&ends, &signal) != 0) {
  }
  return 0;
}
