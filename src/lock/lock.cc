#include "monopod/lock.h"

#include <utility>

#include "src/lock/keeper.h"

namespace monopod {
namespace {

constexpr std::chrono::seconds kReleaseTimeout(10);

}  // namespace

Lock::Lock(std::shared_ptr<lock::Keeper> keeper) : keeper_(std::move(keeper)) {}

Lock& Lock::operator=(Lock&& other) noexcept {
  std::swap(keeper_, other.keeper_);
  return *this;
}

Lock::~Lock() {
  // Nobody is left to tell: a release that fails leaves a hold that ends after its TTL.
  if (keeper_) static_cast<void>(keeper_->Release(kReleaseTimeout));
}

const std::string& Lock::name() const { return keeper_->name(); }
const Holder& Lock::holder() const { return keeper_->holder(); }
Token Lock::token() const { return keeper_->token(); }
int Lock::slot() const { return keeper_->slot(); }
std::stop_token Lock::lost() const { return keeper_->lost(); }
std::string Lock::lost_reason() const { return keeper_->lost_reason(); }
std::chrono::nanoseconds Lock::time_left() const { return keeper_->time_left(); }
Result<void> Lock::Release(std::chrono::nanoseconds timeout) { return keeper_->Release(timeout); }

}  // namespace monopod
