// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <barrier>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "lior/comm/communicator.h"

namespace lior::comm {
namespace {

/// A rank that is a thread. It shows the others where its numbers lie, waits until all have done
/// so, takes what is its own, and waits until all have that.
class ThreadRank : public Communicator {
 public:
  struct Shared {
    Shared(Index size, Index of_one_host)
        : all_here(size), shown(static_cast<std::size_t>(size)), per_host(of_one_host) {}
    std::barrier<> all_here;
    std::vector<std::span<const Bytes>> shown;
    Index per_host;  ///< ranks in a row that reach each other's memory
  };

  ThreadRank(Index rank, Index size, std::shared_ptr<Shared> shared)
      : Communicator(rank, size), shared_(std::move(shared)) {}
  std::string host() const override { return ""; }

 protected:
  void do_broadcast(Bytes values, Index root) override {
    show({&values, 1}, [&] {
      if (rank() != root) copy(of(root)[0], values, 0, values.count);
    });
  }
  void do_all_gather(Bytes all, std::span<const Index> ends) override {
    show({&all, 1}, [&] {
      Index begin = 0;
      for (Index r = 0; r < size(); ++r) {
        const Index end = ends[static_cast<std::size_t>(r)];
        if (r != rank()) copy(of(r)[0], all, begin, end);
        begin = end;
      }
    });
  }
  void do_all_to_all(std::span<const Bytes> outgoing, std::span<const Bytes> incoming) override {
    show(outgoing, [&] {
      for (Index r = 0; r < size(); ++r) {
        const Bytes& to = incoming[static_cast<std::size_t>(r)];
        if (r != rank()) copy(of(r)[static_cast<std::size_t>(rank())], to, 0, to.count);
      }
    });
  }
  /// The first rank of a colour makes what its ranks share, and shows the others where it is.
  std::unique_ptr<Communicator> do_split(Index colour) override {
    std::vector<Index> colours(static_cast<std::size_t>(size()));
    all_gather(colour, std::span(colours));
    const auto before = colours.begin() + rank();
    const Index place = std::count(colours.begin(), before, colour);
    const Index count = std::ranges::count(colours, colour);
    std::shared_ptr<Shared> shared;
    if (place == 0) shared = std::make_shared<Shared>(count, count);
    std::vector<const std::shared_ptr<Shared>*> all(colours.size());
    all_gather(static_cast<const std::shared_ptr<Shared>*>(&shared), std::span(all));
    const auto first = std::ranges::find(colours, colour) - colours.begin();
    const std::shared_ptr<Shared> taken = *all[static_cast<std::size_t>(first)];
    shared_->all_here.arrive_and_wait();  // all have taken theirs
    return std::make_unique<ThreadRank>(place, count, taken);
  }
  std::unique_ptr<SharedMemory> do_share(Index bytes) override {
    auto memory = Communicator::do_share(bytes);
    all_gather(memory->own.data(), std::span(memory->of));
    for (Index r = 0; r < size(); ++r) {
      const bool is_here = r / shared_->per_host == rank() / shared_->per_host;
      if (!is_here) memory->of[static_cast<std::size_t>(r)] = nullptr;
    }
    return memory;
  }

 private:
  std::span<const Bytes> of(Index r) const { return shared_->shown[static_cast<std::size_t>(r)]; }
  template <class Take>
  void show(std::span<const Bytes> mine, const Take& take) {
    shared_->shown[static_cast<std::size_t>(rank())] = mine;
    shared_->all_here.arrive_and_wait();
    take();
    shared_->all_here.arrive_and_wait();
  }
  static void copy(const Bytes& from, const Bytes& to, Index begin, Index end) {
    std::copy_n(from.data + begin * to.each, (end - begin) * to.each, to.data + begin * to.each);
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace

void run_ranks(Index size, const std::function<void(Communicator&)>& body, Index per_host) {
  const auto shared = std::make_shared<ThreadRank::Shared>(size, per_host > 0 ? per_host : size);
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&](Index rank) noexcept {
    ThreadRank communicator(rank, size, shared);
    try {
      body(communicator);
    } catch (...) {
      if (size > 1 && !communicator.failed_together()) std::terminate();
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (Index rank = 0; rank < size; ++rank) threads.emplace_back(run, rank);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace lior::comm
