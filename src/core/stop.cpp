// SPDX-License-Identifier: Apache-2.0
#include "core/stop_state.h"

#include <utility>

namespace lior {
namespace {

thread_local StopScope* scope = nullptr;
thread_local bool asks = true;

}  // namespace

StopScope::StopScope(Question question, void* context)
    : question_(question), context_(context), outer_(std::exchange(scope, this)) {}

StopScope::~StopScope() { scope = outer_; }

void StopScope::check(bool ask) {
  if (ask && !stopped_ && question_(context_)) stopped_ = true;
  // NOLINTNEXTLINE(bugprone-std-exception-baseclass): it is no failure, see stop.h
  if (stopped_) throw Stopped{};
}

void check_stop() {
  if (scope != nullptr) scope->check(asks);
}

namespace detail {

StopScope* current_stop() { return scope; }

StopFollower::StopFollower(StopScope* leader)
    : before_(std::exchange(scope, leader)), asked_before_(std::exchange(asks, false)) {}

StopFollower::~StopFollower() { scope = before_, asks = asked_before_; }

}  // namespace detail
}  // namespace lior
