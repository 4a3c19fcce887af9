// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/counts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "lior/core/stop.h"

namespace lior::nn {
namespace {

/// body(i, key) for each of these keys. A table is far larger than the cache and is looked into at
/// random: its slots are fetched ahead.
template <class Body>
void each_key(const ContextTable& table, std::span<const std::uint64_t> keys, const Body& body) {
  constexpr std::size_t kAhead = 16, kUnasked = 1 << 14;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i % kUnasked == 0) check_stop();
    if (i + kAhead < keys.size()) table.prefetch(keys[i + kAhead]);
    body(i, keys[i]);
  }
}

/// The keys of the contexts of n tokens before these.
std::vector<std::uint64_t> keys_of(std::span<const std::int32_t* const> places, Index n) {
  std::vector<std::uint64_t> keys;
  keys.reserve(places.size());
  for (const std::int32_t* const place : places) {
    keys.push_back(key_of({place - n, static_cast<std::size_t>(n)}));
  }
  return keys;
}

/// Adds the tokens at these places to a table of contexts of n tokens, and returns the places of
/// those that are new there.
std::vector<const std::int32_t*> add_places(ContextTable& table,
                                            std::span<const std::int32_t* const> places, Index n) {
  std::vector<const std::int32_t*> is_new;
  each_key(table, keys_of(places, n), [&](std::size_t i, std::uint64_t key) {
    if (table.add(key, *places[i])) is_new.push_back(places[i]);
  });
  return is_new;
}

/// body(places) for the tokens behind the first `skipped`, some milliseconds' worth at a time.
template <class Body>
void in_places(std::span<const std::int32_t> tokens, Index skipped, const Body& body) {
  constexpr std::size_t kTogether = 1 << 14;
  std::vector<const std::int32_t*> places;
  for (auto t = static_cast<std::size_t>(skipped); t < tokens.size();) {
    places.clear();
    while (t < tokens.size() && places.size() < kTogether) places.push_back(&tokens[t++]);
    body(places);
  }
}

/// A context in a table, less what is lost of it.
struct Lookup {
  Lookup(const ContextTable& all, const ContextTable* without, std::uint64_t key)
      : table(all), context(all.find(key)) {
    if (context != nullptr && without != nullptr) {
      lost_table = without;
      lost_context = without->find(key);
    }
  }
  std::uint32_t total() const {
    if (context == nullptr) return 0;
    return context->total - (lost_context == nullptr ? 0 : lost_context->total);
  }

  const ContextTable& table;
  const ContextTable::Context* context;
  const ContextTable* lost_table = nullptr;
  const ContextTable::Context* lost_context = nullptr;
};

template <class Body>
void each_follower(const ContextTable& table, const ContextTable::Context& context,
                   const Body& body) {
  for (std::uint32_t i = context.first; i != ContextTable::kNone; i = table.followers()[i].next) {
    body(table.followers()[i]);
  }
}

/// visit(follower, its count less what is lost), for the followers that stay. `lost` [V] is zeros,
/// before and after.
template <class Visit>
void visit_followers(const Lookup& found, std::uint32_t* lost, const Visit& visit) {
  if (found.lost_context == nullptr) {
    each_follower(found.table, *found.context, [&](const auto& f) { visit(f.token, f.count); });
    return;
  }
  const auto each_lost = [&](const auto& body) {
    each_follower(*found.lost_table, *found.lost_context, body);
  };
  each_lost([&](const auto& f) { lost[f.token] = f.count; });
  each_follower(found.table, *found.context, [&](const auto& f) {
    const std::uint32_t count = f.count - lost[f.token];
    if (count > 0) visit(f.token, count);
  });
  each_lost([&](const auto& f) { lost[f.token] = 0; });
}

}  // namespace

const ContextTable::Context* ContextTable::find(std::uint64_t key) const {
  if (slots_.empty()) return nullptr;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = key & mask; slots_[i].key != 0; i = (i + 1) & mask) {
    if (slots_[i].key == key) return &slots_[i];
  }
  return nullptr;
}

const ContextTable::Follower* ContextTable::find(std::uint64_t key, std::int32_t token) const {
  const Context* const context = find(key);
  std::uint32_t i = context == nullptr ? kNone : context->first;
  while (i != kNone && followers_[i].token != token) i = followers_[i].next;
  return i == kNone ? nullptr : &followers_[i];
}

ContextTable::Context& ContextTable::slot_of(std::uint64_t key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = key & mask;
  while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) & mask;
  return slots_[i];
}

void ContextTable::grow(std::size_t size) {
  const auto before = std::exchange(slots_, std::vector<Context>(size));
  for (const Context& context : before) {
    if (context.key != 0) slot_of(context.key) = context;
  }
}

void ContextTable::move_to_front(const Context& context, Follower& follower) {
  Follower& front = followers_[context.first];
  std::swap(front.token, follower.token);
  std::swap(front.count, follower.count);
}

void ContextTable::reserve(Index contexts, Index followers) {
  LIOR_CHECK(followers_.size() + static_cast<std::size_t>(followers) <= kNone,
             "the text has more than {} n-grams of one length; counts go up to that", kNone);
  const auto wanted = 2 * static_cast<std::size_t>(contexts_ + contexts);
  constexpr std::size_t kFewest = 64;
  if (wanted > slots_.size()) grow(std::max(kFewest, std::bit_ceil(wanted)));
  if (followers > 1) followers_.reserve(followers_.size() + static_cast<std::size_t>(followers));
}

void ContextTable::count_more(Context& context, std::uint32_t count) {
  LIOR_CHECK(context.total <= kNone - count,
             "a context of the counted text is followed {} times; counts go up to that",
             context.total);
  context.total += count;
}

void ContextTable::add_context(std::uint64_t key, std::span<const std::int32_t> tokens,
                               std::span<const std::uint32_t> counts) {
  Context& context = slot_of(key);
  ++contexts_;
  context.key = key;
  context.first = static_cast<std::uint32_t>(followers_.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    count_more(context, counts[i]);
    const auto next = static_cast<std::uint32_t>(followers_.size() + 1);
    followers_.push_back({tokens[i], counts[i], i + 1 < tokens.size() ? next : kNone});
  }
}

bool ContextTable::add(std::uint64_t key, std::int32_t token, std::uint32_t count) {
  reserve(1, 1);
  Context& context = slot_of(key);
  contexts_ += context.key == 0;
  context.key = key;
  count_more(context, count);
  is_packed_ = false;
  for (std::uint32_t i = context.first; i != kNone; i = followers_[i].next) {
    if (followers_[i].token != token) continue;
    followers_[i].count += count;
    move_to_front(context, followers_[i]);
    return false;
  }
  followers_.push_back({token, count, context.first});
  context.first = static_cast<std::uint32_t>(followers_.size() - 1);
  return true;
}

void ContextTable::estimate_discounts() {
  std::array<double, kDiscounts + 2> having{};  // followers with a count of i
  for (const Follower& follower : followers_) {
    if (follower.count < having.size()) ++having[follower.count];
  }
  if (std::any_of(having.begin() + 1, having.end(), [](double t) { return t == 0; })) {
    discounts_.fill(0.5);
    return;
  }
  const double y = having[1] / (having[1] + 2 * having[2]);
  for (std::size_t i = 1; i <= kDiscounts; ++i) {
    const auto count = static_cast<double>(i);
    discounts_[i - 1] =
        std::clamp(count - (count + 1) * y * having[i + 1] / having[i], 0.1, count - 0.05);
  }
}

void ContextTable::finish() {
  estimate_discounts();
  if (std::exchange(is_packed_, true)) return;
  std::vector<Follower> packed;
  packed.reserve(followers_.size());
  for (Context& context : slots_) {
    if (context.key == 0) continue;
    const auto begin = std::ssize(packed);
    std::uint32_t from = std::exchange(context.first, static_cast<std::uint32_t>(begin));
    for (; from != kNone; from = followers_[from].next) packed.push_back(followers_[from]);
    std::sort(packed.begin() + begin, packed.end(),
              [](const Follower& a, const Follower& b) { return a.token < b.token; });
    for (auto i = static_cast<std::size_t>(begin); i < packed.size(); ++i) {
      packed[i].next = static_cast<std::uint32_t>(i + 1);
    }
    packed.back().next = kNone;
  }
  followers_ = std::move(packed);
}

std::size_t ContextTable::bytes() const {
  return slots_.capacity() * sizeof(Context) + followers_.capacity() * sizeof(Follower);
}

Counts::Counts(Index longest) {
  LIOR_CHECK(longest >= 1 && longest <= kLongestContext,
             "contexts of up to {} tokens are to be counted; expected 1 to {}", longest,
             kLongestContext);
  tables_.resize(static_cast<std::size_t>(longest) + 1);
}

/// Length by length, so that one table is in the cache. A token is new after c only where it was
/// new after each longer context.
void Counts::add(std::span<const std::int32_t> tokens) {
  in_places(tokens, longest(), [&](std::vector<const std::int32_t*> places) {
    for (Index n = longest(); n >= 0; --n) places = add_places(table(n), places, n);
  });
}

void Counts::add_again(std::span<const std::int32_t> tokens, ContextTable& seen) {
  in_places(tokens, longest(), [&](const std::vector<const std::int32_t*>& some) {
    std::vector<const std::int32_t*> places;
    each_key(table(longest()), keys_of(some, longest()), [&](std::size_t i, std::uint64_t key) {
      const std::int32_t token = *some[i];
      seen.add(key, token);
      if (seen.count(key, token) <= table(longest()).count(key, token)) return;
      if (table(longest()).add(key, token)) places.push_back(some[i]);
    });
    for (Index n = longest() - 1; n >= 0; --n) places = add_places(table(n), places, n);
  });
}

double Counts::share_known(std::span<const std::int32_t> tokens) const {
  Index all = 0, known = 0;
  in_places(tokens, longest(), [&](const std::vector<const std::int32_t*>& places) {
    each_key(table(longest()), keys_of(places, longest()), [&](std::size_t i, std::uint64_t key) {
      ++all;
      known += table(longest()).count(key, *places[i]) > 0;
    });
  });
  return all == 0 ? 1 : static_cast<double>(known) / static_cast<double>(all);
}

void Counts::finish() {
  for (ContextTable& table : tables_) table.finish();
}

std::size_t Counts::bytes() const {
  std::size_t sum = 0;
  for (const ContextTable& table : tables_) sum += table.bytes();
  return sum;
}

Counts lost_without(const Counts& all, std::span<const std::vector<std::int32_t>> pieces) {
  const Index longest = all.longest();
  Counts lost(longest);
  std::vector<const std::int32_t*> places;  // one of each follower in lost.table(n)
  for (const std::vector<std::int32_t>& tokens : pieces) {
    in_places(tokens, longest, [&](const std::vector<const std::int32_t*>& some) {
      const auto is_new = add_places(lost.table(longest), some, longest);
      places.insert(places.end(), is_new.begin(), is_new.end());
    });
  }
  // A longer context that loses all its tokens no longer hides the shorter one.
  for (Index n = longest; n > 0; --n) {
    std::vector<const std::int32_t*> gone;
    each_key(all.table(n), keys_of(places, n), [&](std::size_t i, std::uint64_t key) {
      const auto count_in = [&](const Counts& of) { return of.table(n).count(key, *places[i]); };
      if (count_in(lost) == count_in(all)) gone.push_back(places[i]);
    });
    places = add_places(lost.table(n - 1), gone, n - 1);
  }
  lost.finish();
  return lost;
}

namespace {

const TextCounts::Stretch& stretch_at(std::span<const TextCounts::Stretch> stretches, Index place) {
  const auto after = std::ranges::upper_bound(stretches, place, {}, &TextCounts::Stretch::begin);
  return *std::prev(after);
}

}  // namespace

const Counts* TextCounts::lost_at(Index place) const {
  if (place < 0 || lost.empty()) return nullptr;
  return &lost[static_cast<std::size_t>(stretch_at(stretches, place).part)];
}

RecentPlace TextCounts::recent_at(Index place, Index first) const {
  constexpr Index kOneInSoManyReadsNothing = 4;
  if (recent.longest() == 0) return {};
  if (lost.empty()) return {.text = &recent, .place = place};
  if (place < 0 || first % kOneInSoManyReadsNothing == 0) return {};
  return {.text = &recent, .place = place, .begin = stretch_at(stretches, place).begin};
}

std::size_t TextCounts::bytes() const {
  std::size_t sum = all.bytes() + recent.bytes() + stretches.capacity() * sizeof(Stretch);
  for (const Counts& part : lost) sum += part.bytes();
  return sum;
}

namespace {

/// Takes the entries of one n after another.
template <class T>
class StepWriter {
 public:
  StepWriter(const CountSteps<T>& to, std::span<Sureness> sureness, const CountWork& work)
      : to_(to),
        sureness_(sureness),
        work_(work),
        base_(1 / static_cast<double>(work.ratio.size())) {}

  /// visit(body) calls body(token, count) for each follower; total: the sum of their counts.
  template <class Visit, class Discount>
  void add(double total, const Visit& visit, const Discount& discount) {
    if (total == 0) {
      add_nothing();
      return;
    }
    double discounts = 0;
    visit([&](std::int32_t, std::uint32_t count) { discounts += discount(count); });
    const Sureness sure{total, discounts / total};
    base_ *= sure.escape;
    visit([&](std::int32_t token, std::uint32_t count) {
      const auto x = static_cast<std::size_t>(token);
      work_.ratio[x] += (count - discount(count)) / (total * base_);
      const double before = std::exchange(work_.logarithm[x], std::log(work_.ratio[x]));
      to_.tokens[end_] = token;
      to_.steps[end_++] = static_cast<T>(work_.logarithm[x] - before);
    });
    end_n(sure);
  }
  /// Of an n whose context is new.
  void add_nothing() { end_n({}); }
  void finish() const {
    for (const std::int32_t token : to_.tokens.first(end_)) {
      work_.ratio[static_cast<std::size_t>(token)] = 1;
      work_.logarithm[static_cast<std::size_t>(token)] = 0;
    }
  }

 private:
  void end_n(const Sureness& sure) {
    to_.ends[n_] = static_cast<std::int32_t>(end_);
    to_.bases[n_] = static_cast<T>(std::log(base_));
    if (n_ > 0) sureness_[n_ - 1] = sure;
    ++n_;
  }

  const CountSteps<T>& to_;
  std::span<Sureness> sureness_;
  const CountWork& work_;
  double base_;  // of p_n(x) for tokens without entries
  std::size_t end_ = 0, n_ = 0;
};

/// The latest followers of a context, and how often each is among them.
class LatestFollowers {
 public:
  /// Latest first; past kLatest of them none counts.
  void count(std::int32_t token) {
    if (is_full()) return;
    std::size_t i = 0;
    while (i < size_ && tokens_[i] != token) ++i;
    if (i == size_) {
      tokens_[size_] = token;
      counts_[size_++] = 0;
    }
    ++counts_[i];
    ++total_;
  }
  bool is_full() const { return total_ == kLatest; }
  double total() const { return static_cast<double>(total_); }
  template <class Body>
  void each(const Body& body) const {
    for (std::size_t i = 0; i < size_; ++i) body(tokens_[i], counts_[i]);
  }

 private:
  std::array<std::int32_t, kLatest> tokens_;
  std::array<std::uint32_t, kLatest> counts_;
  std::size_t size_ = 0;
  Index total_ = 0;
};

/// Those of contexts of 1 to R tokens, R being the size of `of`.
void find_in_text(const RecentPlace& at, Context context, std::span<LatestFollowers> of) {
  const RecentText& text = *at.text;
  for (std::size_t n = 1; n <= std::min(of.size(), context.size()); ++n) {
    const auto length = static_cast<Index>(n);
    Index place = at.place < 0 ? text.latest(context.last(n)) : text.before(length, at.place);
    for (; !of[n - 1].is_full() && place >= at.begin; place = text.before(length, place)) {
      of[n - 1].count(text.token(place));
    }
  }
}

/// The same in a few tokens, by looking at all of them.
void find_in_window(Context window, std::span<LatestFollowers> of) {
  if (window.empty()) return;
  for (std::size_t place = window.size() - 1; place > 0; --place) {
    for (std::size_t n = 1; n <= std::min(of.size(), place); ++n) {
      if (window[place - n] != window[window.size() - n]) break;
      of[n - 1].count(window[place]);
    }
  }
}

/// e(count) of counts.h.
double recent_discount(std::uint32_t count) { return count == 1 ? 0.6 : 0.78; }

}  // namespace

template <class T>
void count_steps(const Counts& counts, const Counts* lost, const RecentPlace& recent,
                 Context context, const CountSteps<T>& to, std::span<Sureness> sureness,
                 const CountWork& work) {
  StepWriter<T> writer(to, sureness, work);
  for (Index n = 0; n <= counts.longest(); ++n) {
    const auto at = static_cast<std::size_t>(n);
    const ContextTable& table = counts.table(n);
    if (n > std::ssize(context)) {
      writer.add_nothing();
      continue;
    }
    const Lookup found(table, lost == nullptr ? nullptr : &lost->table(n),
                       key_of(context.last(at)));
    writer.add(
        found.total(), [&](const auto& body) { visit_followers(found, work.lost.data(), body); },
        [&](std::uint32_t count) { return table.discount(count); });
  }
  std::array<LatestFollowers, kLongestContext> latest;
  const std::span of =
      std::span(latest).first(sureness.size() - static_cast<std::size_t>(counts.longest()));
  if (recent.text != nullptr) {
    find_in_text(recent, context, of);
  } else {
    find_in_window(context.last(std::min(context.size(), static_cast<std::size_t>(recent.window))),
                   of);
  }
  for (const LatestFollowers& found : of) {
    writer.add(
        found.total(), [&](const auto& body) { found.each(body); }, recent_discount);
  }
  writer.finish();
}

#define LIOR_INSTANTIATE(T)                                                            \
  template void count_steps(const Counts&, const Counts*, const RecentPlace&, Context, \
                            const CountSteps<T>&, std::span<Sureness>, const CountWork&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
