// An API server of a few lines for tests: it answers with what it was told to, in order.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "src/kube/api.h"

namespace monopod::kube {

// The lines of one watch; more can be pushed while somebody waits for them.
class FakeLines {
 public:
  void Push(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  void End() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  Result<std::optional<std::string>> Next(BootTime deadline, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (lines_.empty() && !ended_ && !stop.stop_requested() && BootClock::now() < deadline) {
      changed_.wait_for(lock, stop,
                        std::min<BootClock::duration>(deadline - BootClock::now(),
                                                      std::chrono::milliseconds(100)),
                        [&] { return !lines_.empty() || ended_; });
    }
    if (!lines_.empty()) {
      std::string line = std::move(lines_.front());
      lines_.pop_front();
      return line;
    }
    if (ended_) return Fail(ErrorCode::kUnavailable, "the stream is over");
    return std::optional<std::string>();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> lines_;
  bool ended_ = false;
};

class FakeApi : public Api {
 public:
  // What comes next, for each kind of call.
  void Answer(Result<Response> response) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(response));
  }
  void Answer(int status, std::string body) {
    Answer(Response{.status = status, .body = std::move(body), .retry_after = {}});
  }
  std::shared_ptr<FakeLines> AnswerWatch() {
    const std::lock_guard lock(mutex_);
    auto lines = std::make_shared<FakeLines>();
    watch_answers_.push_back({.status = 200, .body = "", .lines = lines});
    return lines;
  }
  void RefuseWatch(int status, std::string body = "") {
    const std::lock_guard lock(mutex_);
    watch_answers_.push_back({.status = status, .body = std::move(body), .lines = nullptr});
  }

  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::vector<std::string> watches() const {
    const std::lock_guard lock(mutex_);
    return watches_;
  }

  Result<Response> Send(const Request& request, BootTime /*deadline*/) override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (answers_.empty()) {
      ADD_FAILURE() << "no answer was scripted for " << request.path;
      return Fail(ErrorCode::kUnavailable, "nothing scripted");
    }
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  Result<Opened> Watch(const std::string& path, BootTime /*deadline*/) override {
    const std::lock_guard lock(mutex_);
    watches_.push_back(path);
    if (watch_answers_.empty()) return Fail(ErrorCode::kUnavailable, "nothing scripted");
    const WatchAnswer answer = watch_answers_.front();
    watch_answers_.pop_front();
    Opened opened{.response = {.status = answer.status, .body = answer.body, .retry_after = {}},
                  .stream = nullptr};
    if (answer.lines) opened.stream = std::make_unique<Stream>(answer.lines);
    return opened;
  }

 private:
  class Stream : public EventStream {
   public:
    explicit Stream(std::shared_ptr<FakeLines> lines) : lines_(std::move(lines)) {}
    Result<std::optional<std::string>> Next(BootTime deadline,
                                            const std::stop_token& stop) override {
      return lines_->Next(deadline, stop);
    }

   private:
    std::shared_ptr<FakeLines> lines_;
  };
  struct WatchAnswer {
    int status = 200;
    std::string body;
    std::shared_ptr<FakeLines> lines;
  };

  mutable std::mutex mutex_;
  std::deque<Result<Response>> answers_;
  std::deque<WatchAnswer> watch_answers_;
  std::vector<Request> requests_;
  std::vector<std::string> watches_;
};

}  // namespace monopod::kube
