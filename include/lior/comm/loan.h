// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers that ranks lend each other in turn, where a message would copy what can be worked on
/// where it lies.

#include "lior/comm/communicator.h"

namespace lior::comm {

/// Loan without the type of its numbers.
class LoanOfBytes {
 public:
  LoanOfBytes(Communicator& ranks, std::span<const Index> lent, std::span<const Index> taken,
              Index each);
  void lend();
  void give_back();
  std::byte* lent(Index to) const { return lent_[static_cast<std::size_t>(to)].data; }
  std::byte* taken(Index from) const { return taken_[static_cast<std::size_t>(from)].data; }

 private:
  using Bytes = Communicator::Bytes;
  /// outgoing to all ranks whose memory is elsewhere, and a word to those who read it here.
  void hand_over(std::span<const Bytes> outgoing, std::span<const Bytes> incoming);

  Communicator* ranks_;
  std::unique_ptr<SharedMemory> memory_;  ///< of the parts that are lent
  Buffer<std::byte> copies_;              ///< of parts that lie on other hosts
  std::vector<Bytes> lent_, taken_;       ///< of each rank
  std::vector<Bytes> outgoing_, incoming_;
  std::byte word_{};              ///< says nothing but that it came
  std::vector<std::byte> words_;  ///< from each rank
};

/// Each rank has a part for each rank, itself among them. lend() hands all parts to those whom they
/// are for, who may change them; give_back() hands them back. Ranks of one host work on the same
/// memory, and only wait for each other; parts for another host are sent, and sent back.
///
/// Between lend() and give_back() a rank leaves what it lent alone, and at other times what it
/// took. Traffic counts a part each way, whichever way the library takes. Making one, lend() and
/// give_back() are collective; its end is not, and has to wait for give_back().
template <class T>
class Loan {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// lent[r] numbers for rank r, which are taken[this rank] there. Parts lie on 64-byte boundaries,
  /// zeroed.
  Loan(Communicator& ranks, std::span<const Index> lent, std::span<const Index> taken)
      : parts_(ranks, lent, taken, sizeof(T)) {}
  void lend() { parts_.lend(); }
  void give_back() { parts_.give_back(); }
  T* lent(Index to) const { return reinterpret_cast<T*>(parts_.lent(to)); }
  T* taken(Index from) const { return reinterpret_cast<T*>(parts_.taken(from)); }

 private:
  LoanOfBytes parts_;
};

}  // namespace lior::comm
