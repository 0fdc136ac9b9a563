#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "monopod/fencing.h"
#include "tests/faults/shared_set.h"

namespace monopod::faults {
namespace {

// The file, for one reader or writer at a time: a line with the highest token seen, then the text.
class LockedFile {
 public:
  explicit LockedFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
    std::array<char, 65536> buffer{};
    std::string content;
    for (ssize_t count = 0; (count = read(fd_, buffer.data(), buffer.size())) > 0;) {
      content.append(buffer.data(), static_cast<std::size_t>(count));
    }
    std::istringstream words(content);
    words >> highest;
    std::getline(words, text);  // what is left of the first line
    std::getline(words, text);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;
  ~LockedFile() { close(fd_); }

  // All or nothing, as far as readers see: who is killed within leaves the lock to the next only
  // after its single write.
  bool Save() const {
    const std::string content = fmt::format("{:020}\n{}\n", highest, text);
    return pwrite(fd_, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size());
  }

  Token highest = 0;
  std::string text;

 private:
  const int fd_;
};

class FileSet : public SharedSet {
 public:
  explicit FileSet(SharedSetOptions options) : options_(std::move(options)) {}

  Result<void> Enter(const LockClient& /*client*/, const Lock& lock) override {
    token_ = lock.token();
    return {};
  }
  // Announces the token, so that earlier ones are refused from here on.
  Result<std::string> Read() override {
    LockedFile file(options_.place);
    if (auto checked = Check(file); !checked) return Fail(checked.error());
    if (!file.Save()) return Fail(ErrorCode::kInternal, "cannot write the file");
    return file.text;
  }
  Result<void> Write(const std::string& text) override {
    LockedFile file(options_.place);
    if (auto checked = Check(file); !checked) return checked;
    file.text = text;
    if (!file.Save()) return Fail(ErrorCode::kInternal, "cannot write the file");
    return {};
  }

 private:
  Result<void> Check(LockedFile& file) const {
    if (!options_.is_guarded) return {};
    auto fence = FencingToken::Make({.highest = file.highest});
    if (!fence) return Fail(fence.error());
    if (auto checked = fence->Check(token_); !checked) return checked;
    file.highest = fence->highest();
    return {};
  }

  const SharedSetOptions options_;
  Token token_ = 0;
};

}  // namespace

std::unique_ptr<SharedSet> SetInFile(const SharedSetOptions& options) {
  return std::make_unique<FileSet>(options);
}

std::string TextOfSetInFile(const std::string& path) { return LockedFile(path).text; }

}  // namespace monopod::faults
