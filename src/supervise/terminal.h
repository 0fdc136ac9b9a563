// The controlling terminal, which belongs to the command while it runs.
#pragma once

#include <sys/types.h>

#include "src/supervise/file_descriptor.h"

namespace monopod::supervise {

// Does nothing where there is no controlling terminal. Survives fork: both copies work.
class Terminal {
 public:
  // The calling process's group is the one that gets the terminal back.
  Terminal();

  // Whether `group`, or the home group, is in the foreground.
  bool IsForeground(pid_t group) const;
  bool HomeIsForeground() const { return IsForeground(home_); }

  // Makes `group` the foreground group. Works from the background, too.
  void HandTo(pid_t group) const;

  // Returns the terminal to the home group if nobody is left in the foreground group. (When
  // monopod was killed its shell may have taken the terminal long ago.)
  void TakeBack() const;

  int descriptor() const { return descriptor_.get(); }

 private:
  FileDescriptor descriptor_;
  pid_t home_;
};

}  // namespace monopod::supervise
