// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The arrays that a layer's forward leaves for its backward, by name.

#include <array>
#include <string_view>

#include "lior/core/view.h"

namespace lior::nn {

/// Names, shapes and places of these arrays in two blocks of memory. One is kept between forward
/// and backward: it holds what is expensive to compute, as products and scans. The other may be
/// given up and made again from the first by restore(). A call's forward, restore and backward read
/// the same plan, so none of them can take an array for another.
class SavedPlan {
 public:
  template <std::size_t Rank>
  void keep(std::string_view name, const Shape<Rank>& shape) {
    add(name, shape, kept_, true);
  }
  template <std::size_t Rank>
  void redo(std::string_view name, const Shape<Rank>& shape) {
    add(name, shape, redone_, false);
  }

  /// Numbers in each block.
  Index kept() const { return kept_; }
  Index redone() const { return redone_; }

  struct Entry {
    std::string_view name;
    std::array<Index, 4> shape{};
    std::size_t rank = 0;
    Index offset = 0;
    bool kept = false;
  };
  /// Throws lior::Error if there is no array of that name.
  const Entry& find(std::string_view name) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (entries_[i].name == name) return entries_[i];
    }
    LIOR_CHECK(false, "a layer saves no array '{}'", name);
    return entries_[0];
  }

 private:
  static constexpr Index kLine = 16;  // of numbers: arrays start on cache lines

  template <std::size_t Rank>
  void add(std::string_view name, const Shape<Rank>& shape, Index& end, bool kept) {
    static_assert(Rank <= 4);
    LIOR_CHECK(count_ < entries_.size(), "a layer saves at most {} arrays", entries_.size());
    Entry entry{.name = name, .rank = Rank, .offset = end, .kept = kept};
    std::copy(shape.begin(), shape.end(), entry.shape.begin());
    entries_[count_++] = entry;
    end += (element_count(shape) + kLine - 1) / kLine * kLine;
  }

  std::array<Entry, 12> entries_;  // no allocation: a plan is made in every pass
  std::size_t count_ = 0;
  Index kept_ = 0, redone_ = 0;
};

/// A plan and its two blocks. Where an arena only counts, the blocks and all arrays have null data.
template <class T>
struct Saved {
  SavedPlan plan;
  T* kept = nullptr;
  T* redone = nullptr;

  template <std::size_t Rank>
  View<T, Rank> array(std::string_view name) const {
    const SavedPlan::Entry& entry = plan.find(name);
    LIOR_CHECK(entry.rank == Rank, "the saved array '{}' has {} axes, not {}", name, entry.rank,
               Rank);
    Shape<Rank> shape;
    std::copy_n(entry.shape.begin(), Rank, shape.begin());
    T* const block = entry.kept ? kept : redone;
    return {block == nullptr ? nullptr : block + entry.offset, shape};
  }
};

}  // namespace lior::nn
