#include <sys/statvfs.h>

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "src/base/clock.h"
#include "src/doctor/sqlite_doctor.h"
#include "src/store/sqlite_connection.h"
#include "src/store/sqlite_schema.h"
#include "src/store/sqlite_store.h"
#include "src/store/store_location.h"

namespace monopod::doctor {
namespace {

using store::SqliteConnection;

// What the looking thread and the one that waits for it share. The former may outlive the latter.
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  SqliteFacts facts;
  bool done = false;
};

// Looks, and puts down each thing as soon as it is known.
class Looker {
 public:
  Looker(std::shared_ptr<Shared> shared, std::string path, BootTime deadline)
      : shared_(std::move(shared)), path_(std::move(path)), deadline_(deadline) {}

  void Run() {
    if (LookAtPlace() && LookAtDatabase()) LookAtRecords();
    Put("", [](SqliteFacts& /*facts*/) {});
    const std::lock_guard lock(shared_->mutex);
    shared_->done = true;
    shared_->changed.notify_all();
  }

 private:
  // `next` is what comes now.
  void Put(std::string next, const std::function<void(SqliteFacts&)>& fact) {
    const std::lock_guard lock(shared_->mutex);
    fact(shared_->facts);
    shared_->facts.stuck_at = std::move(next);
  }

  bool LookAtPlace();
  bool LookAtDatabase();
  Result<void> Read(SqliteConnection& connection);
  void LookAtRecords();

  const std::shared_ptr<Shared> shared_;
  const std::string path_;
  const BootTime deadline_;
  bool is_store_ = false;
};

bool Looker::LookAtPlace() {
  const auto location = store::PrepareLocation({.path = path_});
  if (!location) {
    Put("", [&](SqliteFacts& facts) { facts.location = location.error(); });
    return false;
  }
  std::error_code ignored;
  // An empty one is made a store by its first use, like one that is missing.
  const bool exists = std::filesystem::exists(*location, ignored) &&
                      std::filesystem::file_size(*location, ignored) > 0;
  struct statvfs space{};
  const std::string directory = std::filesystem::path(*location).parent_path().native();
  int asked = statvfs(directory.c_str(), &space);
  while (asked != 0 && errno == EINTR) asked = statvfs(directory.c_str(), &space);
  Put("reading the database", [&](SqliteFacts& facts) {
    facts.path = *location;
    facts.exists = exists;
    if (asked == 0) {
      facts.free_bytes =
          static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
    }
  });
  return exists;
}

bool Looker::LookAtDatabase() {
  auto connection = SqliteConnection::Open(path_);
  auto read = connection ? Read(**connection) : Fail(connection.error());
  if (!read) {
    Put("", [&](SqliteFacts& facts) { facts.opened = read.error(); });
    return false;
  }
  return is_store_;
}

Result<void> Looker::Read(SqliteConnection& connection) {
  connection.set_deadline(deadline_);
  connection.AllowWriteOnClose(false);
  const auto application = connection.QueryInteger("PRAGMA application_id");
  if (!application) return Fail(application.error());
  const auto layout = connection.QueryInteger("PRAGMA user_version");
  if (!layout) return Fail(layout.error());
  const auto mode = connection.QueryText("PRAGMA journal_mode");
  if (!mode) return Fail(mode.error());
  Put("SQLite's quick check", [&](SqliteFacts& facts) {
    facts.application_id = *application;
    facts.layout = *layout;
    facts.journal_mode = *mode;
  });
  if (*application != store::kApplicationId || *layout > store::kLayoutVersion) return {};
  const auto check = connection.QueryText("PRAGMA quick_check(1)");
  const std::string damage = !check ? check.error().message : *check == "ok" ? "" : *check;
  Put("reading the records", [&](SqliteFacts& facts) { facts.damage = damage; });
  // To open another kind of file as a store would change it.
  is_store_ = damage.empty() && *mode == "wal" && *layout == store::kLayoutVersion;
  return {};
}

void Looker::LookAtRecords() {
  auto opened = store::SqliteStore::Open({.path = path_});
  auto listed = opened ? (*opened)->List(deadline_) : Fail(opened.error());
  Put("", [&](SqliteFacts& facts) {
    if (listed) {
      facts.records = std::move(*listed);
    } else {
      facts.listed = listed.error();
    }
  });
}

}  // namespace

SqliteFacts GatherSqlite(const std::string& path, std::chrono::nanoseconds patience) {
  const auto shared = std::make_shared<Shared>();
  shared->facts.path = path;
  shared->facts.stuck_at = "looking at the file";
  const BootTime deadline = BootClock::now() + patience;
  std::thread([shared, path, deadline] { Looker(shared, path, deadline).Run(); }).detach();
  std::unique_lock lock(shared->mutex);
  shared->changed.wait_for(lock, patience, [&] { return shared->done; });
  SqliteFacts facts = shared->facts;
  facts.now = WallNow();
  return facts;
}

}  // namespace monopod::doctor
