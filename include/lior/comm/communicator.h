// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Ranks: the processes that work on one problem, and what they send each other.
///
/// There is no reduction on purpose. Sums are a gather (or an all_to_all of shares), and then ours,
/// in a fixed order: so no bit of a result depends on the library's algorithm or on the number of
/// ranks. Measured with two ranks on one machine, 127 MB: 8.8 ms, MPI_Allreduce 39 to 45.
///
/// Every call is collective: all ranks make the same calls in the same order, with sizes that fit
/// each other. T is trivially copyable. Lengths are counts of T; a call moves at most 2^31 - 1 of
/// them between two ranks. A rank that waits yields its core, and sleeps after some milliseconds.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "lior/core/buffer.h"

namespace lior::comm {

/// Bytes that other ranks have sent this one. The sum over all ranks is what went over the network,
/// whichever way the library took.
struct Traffic {
  Index bytes = 0;
  Index calls = 0;  ///< collective ones, of two ranks or more
};

/// Stands for a rank where nothing is sent or received.
inline constexpr Index kNoRank = -1;

/// Memory of this rank and of others.
struct SharedMemory {
  virtual ~SharedMemory() = default;
  Buffer<std::byte> own;
  /// Where each rank's lies; null where two cannot reach each other's. Never this rank's own.
  std::vector<std::byte*> of;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  Index rank() const { return rank_; }
  Index size() const { return size_; }
  /// The one that speaks and writes files.
  bool is_first() const { return rank_ == 0; }
  const Traffic& traffic() const { return traffic_; }
  /// Where it runs: the host's name, or "" where all ranks are threads of one process.
  virtual std::string host() const = 0;

  /// Rank `root`'s values, everywhere.
  template <class T>
  void broadcast(std::span<T> values, Index root = 0) {
    broadcast_bytes(bytes_of(values), root);
  }

  /// `all` has a part of each rank, in order; part r ends at ends[r]. Each rank has filled in its
  /// own; the others come.
  template <class T>
  void all_gather(std::span<T> all, std::span<const Index> ends) {
    all_gather_bytes(bytes_of(all), ends);
  }
  /// One value of each rank, in order; `all` has size() places.
  template <class T>
  void all_gather(const T& mine, std::span<T> all) {
    all[static_cast<std::size_t>(rank_)] = mine;
    all_gather(all, std::span<const Index>(ones_));
  }

  /// outgoing[r] goes to rank r, incoming[r] comes from it; the sizes agree between two ranks.
  template <class T>
  void all_to_all(std::span<const std::span<const T>> outgoing,
                  std::span<const std::span<T>> incoming) {
    if (size_ == 1) {
      std::copy(outgoing[0].begin(), outgoing[0].end(), incoming[0].begin());
      return;
    }
    for (std::size_t r = 0; r < outgoing.size(); ++r) {
      outgoing_[r] = bytes_of(outgoing[r]);
      incoming_[r] = bytes_of(incoming[r]);
    }
    all_to_all_bytes(outgoing_, incoming_);
  }

  /// `outgoing` goes to rank `to`, `incoming` comes from rank `from`, whose own calls name this
  /// one; kNoRank: nothing does. Neither is this rank.
  template <class T>
  void exchange(Index to, std::span<const T> outgoing, Index from, std::span<T> incoming) {
    std::ranges::fill(outgoing_, Bytes());
    std::ranges::fill(incoming_, Bytes());
    if (to != kNoRank) outgoing_[static_cast<std::size_t>(to)] = bytes_of(outgoing);
    if (from != kNoRank) incoming_[static_cast<std::size_t>(from)] = bytes_of(incoming);
    all_to_all_bytes(outgoing_, incoming_);
  }

  /// The ranks that give the same colour, in their order, with calls of their own. Collective; this
  /// communicator must outlive it.
  std::unique_ptr<Communicator> split(Index colour) { return do_split(colour); }

  /// Runs `body`, which may not communicate. Where it throws on any rank, all throw: lior::Error
  /// (bad input) or lior::RunError as there, with "rank 2 (host): " before the message unless all
  /// say the same; the lowest of several counts. With one rank it is a mere call.
  template <class Body>
  void together(Body&& body) {
    if (size_ == 1) return body();
    std::exception_ptr failure;
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
    agree(failure);
  }
  /// Whether the exception that is under way came to all ranks by `together`.
  bool failed_together() const { return failed_together_; }

 protected:
  /// Numbers as bytes, and the size of one of them.
  struct Bytes {
    std::byte* data = nullptr;
    Index count = 0;
    Index each = 1;
    Index size() const { return count * each; }
  };

  Communicator(Index rank, Index size);

  virtual void do_broadcast(Bytes values, Index root) = 0;
  virtual void do_all_gather(Bytes all, std::span<const Index> ends) = 0;
  virtual void do_all_to_all(std::span<const Bytes> outgoing, std::span<const Bytes> incoming) = 0;
  virtual std::unique_ptr<Communicator> do_split(Index colour) = 0;
  /// So many bytes of each rank, zeroed; here no other is in reach. Collective, its end is not.
  virtual std::unique_ptr<SharedMemory> do_share(Index bytes);

 private:
  friend class LoanOfBytes;
  template <class T>
  static Bytes bytes_of(std::span<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<T>*>(values.data())),
            std::ssize(values), sizeof(T)};
  }
  /// How one rank's part of `together` ended.
  struct Ending {
    enum class Fault { none, bad_input, failed_run } fault = Fault::none;
  };
  /// Throws on all ranks where one has failed.
  void agree(const std::exception_ptr& failure);
  void broadcast_text(std::string& text, Index root);
  void broadcast_bytes(Bytes values, Index root);
  void all_gather_bytes(Bytes all, std::span<const Index> ends);
  void all_to_all_bytes(std::span<const Bytes> outgoing, std::span<const Bytes> incoming);
  /// One call, by which these come.
  void count_traffic(std::span<const Bytes> incoming);

  Index rank_, size_;
  Traffic traffic_;
  bool failed_together_ = false;
  std::vector<Index> ones_;  // 1, 2, ..., size
  std::vector<Ending> endings_;
  std::vector<Bytes> outgoing_, incoming_;
};

/// A process on its own: its calls move nothing, and any thread may make them.
Communicator& alone();

/// Runs `body` on `size` ranks that are threads of this process, for tests; returns when all have
/// ended. An exception of a rank that the others do not share would leave them waiting: it ends
/// the program. One that they share (together) reaches the caller. per_host: as if each so many
/// in a row were on a host of their own; 0: all on one.
void run_ranks(Index size, const std::function<void(Communicator&)>& body, Index per_host = 0);

/// Where share r of `count` things ends, dealt out as evenly as whole things can be, in order.
std::vector<Index> even_ends(Index count, Index shares);

}  // namespace lior::comm
