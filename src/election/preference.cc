#include "src/election/preference.h"

namespace monopod::election {

void Preference::OnLook(const Look& look, Token own, BootTime now) {
  const Announcement* other = look.announced ? &*look.announced : nullptr;
  if (other != nullptr && own != 0 && other->token == own) other = nullptr;
  const bool live = other != nullptr && other->live;
  const bool counts = live && other->token != disregarded_;

  const bool outranked = live && other->priority >= options_.priority;
  announces_ = options_.priority > 0 && own == 0 && !outranked;
  replaces_ = announces_ && other != nullptr ? std::optional(other->token) : std::nullopt;

  if (!counts || other->priority <= options_.priority) {
    OnRoleChange();
    return;
  }
  looks_ = better_ && better_->token == other->token ? looks_ + 1 : 1;
  better_ = *other;
  if (look.lock_is_held) {
    unheld_since_.reset();
  } else if (!unheld_since_) {
    unheld_since_ = now;
  } else if (now - *unheld_since_ >= options_.patience) {
    disregarded_ = other->token;
    OnRoleChange();
  }
}

void Preference::OnRoleChange() {
  better_.reset();
  looks_ = 0;
  unheld_since_.reset();
}

}  // namespace monopod::election
