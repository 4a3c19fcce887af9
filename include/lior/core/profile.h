// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a step's time goes: ops name themselves, and are summed up while somebody listens.

#include <functional>
#include <span>
#include <vector>

#include "lior/core/timer.h"
#include "lior/core/view.h"

namespace lior {

/// The sums of one op.
struct ProfileRow {
  const char* op = nullptr;
  Index calls = 0;
  double seconds = 0;
  double flops = 0;  ///< operations that the results need (an FMA is 2)
  double bytes = 0;  ///< fewest bytes that must move
};

/// Listens to the ops of one thread, the one that calls them, while one of its Scopes is alive.
/// Without a profile an op costs a load and a branch.
class Profile {
 public:
  Profile() = default;
  /// With a clock of the caller's, in seconds.
  explicit Profile(std::function<double()> clock) : clock_(std::move(clock)) {}
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// In the order of their first calls.
  std::span<const ProfileRow> rows() const { return rows_; }
  Index steps() const { return steps_; }       ///< Scopes so far
  double seconds() const { return seconds_; }  ///< of all Scopes, whatever ran in them

  /// One step. A null profile: nothing.
  class Scope {
   public:
    explicit Scope(Profile* profile);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Profile* profile_;
    Profile* outer_;
    double start_ = 0;
  };

 private:
  friend class ProfiledOp;
  void enter(const char* op, double flops, double bytes);
  void leave();

  static thread_local constinit Profile* listening;

  Timer timer_;
  std::function<double()> clock_ = [this] { return timer_.seconds(); };
  std::vector<ProfileRow> rows_;
  Index steps_ = 0;
  double seconds_ = 0;
  Index depth_ = 0;            // of ops inside ops
  std::size_t outermost_ = 0;  // the row of the op that runs
  double start_ = 0;
};

/// Stands first in an op's body. An op inside another is part of it: its time is the other's, and
/// what it counts is added there.
class ProfiledOp {
 public:
  /// `op`: a string that stays.
  explicit ProfiledOp(const char* op, double flops = 0, double bytes = 0)
      : profile_(Profile::listening) {
    if (profile_ != nullptr) profile_->enter(op, flops, bytes);
  }
  ~ProfiledOp() {
    if (profile_ != nullptr) profile_->leave();
  }
  ProfiledOp(const ProfiledOp&) = delete;
  ProfiledOp& operator=(const ProfiledOp&) = delete;

 private:
  Profile* profile_;
};

}  // namespace lior
