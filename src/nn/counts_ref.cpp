// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <vector>

#include "lior/nn/counts.h"

namespace lior::nn::reference {
namespace {

using Tokens = std::vector<std::int32_t>;

/// n_c(x) for each x: how often x follows c, or how many different tokens stand before c where it
/// does.
std::vector<double> followers(std::span<const std::int32_t> text, Index skip_begin, Index skip_end,
                              const Tokens& context, Index longest, Index vocabulary) {
  const Index n = std::ssize(context);
  std::vector<double> counts(static_cast<std::size_t>(vocabulary));
  std::vector<std::set<std::int32_t>> before(counts.size());
  for (Index t = longest; t < std::ssize(text); ++t) {
    if (t >= skip_begin && t < skip_end) continue;
    if (!std::equal(context.begin(), context.end(), text.begin() + t - n)) continue;
    const auto x = static_cast<std::size_t>(text[static_cast<std::size_t>(t)]);
    counts[x] += n == longest;
    if (n < longest) before[x].insert(text[static_cast<std::size_t>(t - n - 1)]);
  }
  for (std::size_t x = 0; x < counts.size() && n < longest; ++x) {
    counts[x] = static_cast<double>(before[x].size());
  }
  return counts;
}

}  // namespace

std::vector<double> count_probabilities(
    std::span<const std::int32_t> text, Index skip_begin, Index skip_end, Index longest,
    Index vocabulary, Context context,
    std::span<const std::array<double, ContextTable::kDiscounts>> discounts) {
  const Index most = std::min(longest, std::ssize(context));
  std::vector<double> p(static_cast<std::size_t>(vocabulary), 1 / static_cast<double>(vocabulary));
  for (Index n = 0; n <= most; ++n) {
    const Context last = context.last(static_cast<std::size_t>(n));
    const std::vector<double> counts =
        followers(text, skip_begin, skip_end, {last.begin(), last.end()}, longest, vocabulary);
    const auto discount = [&](double count) {
      const auto i = static_cast<std::size_t>(std::min(count, 3.0));
      return i == 0 ? 0 : discounts[static_cast<std::size_t>(n)][i - 1];
    };
    double total = 0, taken = 0;
    for (const double count : counts) total += count, taken += discount(count);
    for (std::size_t x = 0; x < p.size() && total > 0; ++x) {
      p[x] = (counts[x] - discount(counts[x]) + taken * p[x]) / total;
    }
  }
  return p;
}

std::vector<double> recent_probabilities(std::vector<double> p, Context read, Index begin,
                                         Index longest, Context context) {
  constexpr double kDiscountOfOne = 0.6, kDiscount = 0.78;
  for (Index n = 1; n <= std::min(longest, std::ssize(context)); ++n) {
    const Context last = context.last(static_cast<std::size_t>(n));
    std::vector<double> counts(p.size());
    double total = 0, taken = 0;
    for (Index t = std::ssize(read) - 1; t >= std::max(n, begin) && total < kLatest; --t) {
      if (!std::equal(last.begin(), last.end(), read.begin() + t - n)) continue;
      ++counts[static_cast<std::size_t>(read[static_cast<std::size_t>(t)])];
      ++total;
    }
    const auto discount = [&](double count) {
      return count == 0 ? 0 : count == 1 ? kDiscountOfOne : kDiscount;
    };
    for (const double count : counts) taken += discount(count);
    for (std::size_t x = 0; x < p.size() && total > 0; ++x) {
      p[x] = (counts[x] - discount(counts[x]) + taken * p[x]) / total;
    }
  }
  return p;
}

}  // namespace lior::nn::reference
