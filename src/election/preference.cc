#include "src/election/preference.h"

namespace monopod::election {

void Preference::OnLook(const Look& look, Token own, BootTime now) {
  const Announcement* other = look.announced ? &*look.announced : nullptr;
  if (other != nullptr && own != 0 && other->hold.token == own) other = nullptr;
  const bool live = other != nullptr && announced_.GoesOn(other->hold, now);
  const bool held = look.leads || (look.lock && lock_.GoesOn(*look.lock, now));

  const bool outranked = live && other->priority >= options_.priority;
  announces_ = options_.priority > 0 && own == 0 && !outranked;
  replaces_ = announces_ && other != nullptr ? std::optional(other->hold.token) : std::nullopt;

  const bool counts = live && other->hold.token != disregarded_;
  if (!counts || other->priority <= options_.priority) {
    OnRoleChange();
    return;
  }
  if (!better_ || better_->token != other->hold.token) {
    better_ = other->hold;
    better_renewed_ = false;
  }
  better_renewed_ = better_renewed_ || better_->renewed != other->hold.renewed;
  if (held) {
    unheld_since_.reset();
  } else if (!unheld_since_) {
    unheld_since_ = now;
  } else if (now - *unheld_since_ >= options_.patience) {
    disregarded_ = other->hold.token;
    OnRoleChange();
  }
}

void Preference::OnRoleChange() {
  better_.reset();
  better_renewed_ = false;
  unheld_since_.reset();
}

}  // namespace monopod::election
