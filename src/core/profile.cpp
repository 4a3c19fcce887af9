// SPDX-License-Identifier: Apache-2.0
#include "lior/core/profile.h"

#include <string_view>

namespace lior {

thread_local constinit Profile* Profile::listening = nullptr;

Profile::Scope::Scope(Profile* profile) : profile_(profile), outer_(Profile::listening) {
  if (profile_ == nullptr) return;
  listening = profile_;
  start_ = profile_->clock_();
}

Profile::Scope::~Scope() {
  if (profile_ == nullptr) return;
  profile_->seconds_ += profile_->clock_() - start_;
  ++profile_->steps_;
  listening = outer_;
}

void Profile::enter(const char* op, double flops, double bytes) {
  if (depth_++ == 0) {
    outermost_ = 0;
    while (outermost_ < rows_.size() && std::string_view(rows_[outermost_].op) != op) ++outermost_;
    if (outermost_ == rows_.size()) rows_.push_back({.op = op});
    ++rows_[outermost_].calls;
    start_ = clock_();
  }
  rows_[outermost_].flops += flops;
  rows_[outermost_].bytes += bytes;
}

void Profile::leave() {
  if (--depth_ == 0) rows_[outermost_].seconds += clock_() - start_;
}

}  // namespace lior
