// What the tests of stores share: a folder, a shell on the database, other processes.
#pragma once

#include <functional>
#include <string>

#include "src/base/clock.h"
#include "src/protocol/record.h"
#include "src/protocol/record_store.h"

namespace monopod::store {

// Long enough for anything that a test waits for; reaching it is a failure.
BootTime Soon();

// A folder that lives as long as the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string FileBytes(const std::string& path);
void WriteFile(const std::string& path, const std::string& bytes);

// What a person does with the sqlite3 shell, in a connection of its own. The connection stays
// open as long as the object, so that its closing does not count as an event.
class SqlShell {
 public:
  explicit SqlShell(const std::string& path);
  ~SqlShell();
  SqlShell(const SqlShell&) = delete;
  SqlShell& operator=(const SqlShell&) = delete;
  // The values of the result, "|" between columns and a newline after each row. A failure of the
  // statement fails the test.
  std::string Run(const std::string& sql);

 private:
  void* database_ = nullptr;
};

// A forked process. Expectations that fail in it are printed there and fail its caller. Fork
// while the test has no other thread and no store open.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<void()>& body);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Waits for its end; true if no expectation failed in it.
  bool Succeeded();

 private:
  int id_;
};

// Runs `body` in a child and waits for it.
bool SucceedsInChild(const std::function<void()>& body);

// For a child: gives it mounts of its own, which end with it.
void EnterMountNamespace();
// For a child in its own mount namespace.
void MountTmpfs(const std::string& folder, const std::string& options);
void MountFuse(const std::string& source, const std::string& folder);

// For a child: takes away the rights of root.
void BecomeNobody();

// Lets processes start together: all wait until the one that made it opens it.
class StartingLine {
 public:
  StartingLine();
  ~StartingLine();
  StartingLine(const StartingLine&) = delete;
  StartingLine& operator=(const StartingLine&) = delete;
  void Await();
  void Open();

 private:
  int reader_ = -1;
  int writer_ = -1;
};

// A record with something in every field.
protocol::Record FullRecord();
// A held record of `instance` with this token and a stamp of its own.
protocol::Record HeldBy(const std::string& instance, protocol::Token token);

}  // namespace monopod::store
