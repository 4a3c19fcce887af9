// SPDX-License-Identifier: Apache-2.0
// The only file that calls MPI.
#include "comm/mpi.h"

#include <mpi.h>
#include <sched.h>
#include <time.h>

#include <cstdlib>
#include <limits>
#include <map>

#include "comm/memory_of_host.h"
#include "lior/core/error.h"
#include "lior/core/timer.h"

namespace lior::comm {
namespace {

/// Waits for all of them: at first on the core, then beside others, then asleep, because the ranks
/// of a machine may be more than its cores, and a command that runs on one rank is to have them.
void wait(std::span<MPI_Request> requests) {
  constexpr int kSpins = 1000;
  constexpr double kAwake = 0.02;  // seconds
  constexpr timespec kNap{.tv_sec = 0, .tv_nsec = 200'000};
  const Timer timer;
  for (int turn = 0;; ++turn) {
    int done = 0;
    MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE);
    if (done != 0) return;
    if (turn < kSpins) continue;
    if (timer.seconds() < kAwake) {
      sched_yield();
    } else {
      nanosleep(&kNap, nullptr);
    }
  }
}

int checked_int(Index count) {
  LIOR_CHECK(count <= std::numeric_limits<int>::max(),
             "{} numbers in one message; MPI counts to 2^31 - 1", count);
  return static_cast<int>(count);
}

class MpiRanks : public Communicator {
 public:
  explicit MpiRanks(MPI_Comm all)
      : Communicator(rank_of(all), size_of(all)),
        all_(all),
        counts_(static_cast<std::size_t>(size())),
        begins_(static_cast<std::size_t>(size())) {
    requests_.reserve(2 * static_cast<std::size_t>(size()));
  }
  ~MpiRanks() override {
    for (auto& [each, type] : types_) MPI_Type_free(&type);
    if (all_ != MPI_COMM_WORLD) MPI_Comm_free(&all_);
  }
  std::string host() const override {
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;
    MPI_Get_processor_name(name, &length);
    return {name, static_cast<std::size_t>(length)};
  }

 protected:
  void do_broadcast(Bytes values, Index root) override {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibcast(values.data, checked_int(values.count), type_of(values.each), static_cast<int>(root),
               all_, &request);
    wait({&request, 1});
  }

  void do_all_gather(Bytes all, std::span<const Index> ends) override {
    int begin = 0;
    for (std::size_t r = 0; r < ends.size(); ++r) {
      const int end = checked_int(ends[r]);
      begins_[r] = begin;
      counts_[r] = end - begin;
      begin = end;
    }
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all.data, counts_.data(), begins_.data(),
                    type_of(all.each), all_, &request);
    wait({&request, 1});
  }

  /// Pairs, each rank's first partner the one after it, so that not all send to one.
  void do_all_to_all(std::span<const Bytes> outgoing, std::span<const Bytes> incoming) override {
    requests_.clear();
    for (Index step = 1; step < size(); ++step) {
      const Index from = (rank() + size() - step) % size();
      const Bytes& part = incoming[static_cast<std::size_t>(from)];
      if (part.count == 0) continue;
      MPI_Irecv(part.data, checked_int(part.count), type_of(part.each), static_cast<int>(from), 0,
                all_, &requests_.emplace_back());
    }
    for (Index step = 1; step < size(); ++step) {
      const Index to = (rank() + step) % size();
      const Bytes& part = outgoing[static_cast<std::size_t>(to)];
      if (part.count == 0) continue;
      MPI_Isend(part.data, checked_int(part.count), type_of(part.each), static_cast<int>(to), 0,
                all_, &requests_.emplace_back());
    }
    wait(requests_);
  }

  std::unique_ptr<Communicator> do_split(Index colour) override {
    MPI_Comm part = MPI_COMM_NULL;
    MPI_Comm_split(all_, static_cast<int>(colour), static_cast<int>(rank()), &part);
    return std::make_unique<MpiRanks>(part);
  }

  std::unique_ptr<SharedMemory> do_share(Index bytes) override {
    return memory_of_host(*this, bytes);
  }

 private:
  static int rank_of(MPI_Comm all) {
    int rank = 0;
    MPI_Comm_rank(all, &rank);
    return rank;
  }
  static int size_of(MPI_Comm all) {
    int size = 0;
    MPI_Comm_size(all, &size);
    return size;
  }

  /// A number of so many bytes: MPI counts numbers in an int, and 2^31 bytes are little.
  MPI_Datatype type_of(Index each) {
    const auto [found, is_new] = types_.try_emplace(each);
    if (is_new) {
      MPI_Type_contiguous(static_cast<int>(each), MPI_BYTE, &found->second);
      MPI_Type_commit(&found->second);
    }
    return found->second;
  }

  MPI_Comm all_;
  std::vector<int> counts_, begins_;
  std::vector<MPI_Request> requests_;
  std::map<Index, MPI_Datatype> types_;
};

/// MPI from its start to its end.
struct MpiStart {
  /// Over TCP Open MPI sends a long message as one piece, on the connection that also carries the
  /// answers without which the other's does not begin: of two that send each other, one waits for
  /// the other's end. In fragments both go at once. A user's own choice holds.
  MpiStart() {
    setenv("OMPI_MCA_btl_tcp_flags", "send", 0);
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  }
  ~MpiStart() { MPI_Finalize(); }
  MpiStart(const MpiStart&) = delete;
  MpiStart& operator=(const MpiStart&) = delete;
};

class MpiWorld : MpiStart, public MpiRanks {
 public:
  MpiWorld() : MpiRanks(MPI_COMM_WORLD) {}
};

}  // namespace

std::unique_ptr<Communicator> mpi_world() { return std::make_unique<MpiWorld>(); }

Neighbours neighbours_in(Communicator& world) {
  struct Place {
    cpu_set_t cores;
    char host[MPI_MAX_PROCESSOR_NAME];
  } mine{};
  sched_getaffinity(0, sizeof mine.cores, &mine.cores);
  world.host().copy(mine.host, sizeof mine.host - 1);
  std::vector<Place> all(static_cast<std::size_t>(world.size()));
  world.all_gather(mine, std::span(all));
  Neighbours count{.on_host = 0, .on_cores = 0};
  for (const Place& other : all) {
    if (std::string_view(other.host) != mine.host) continue;
    ++count.on_host;
    if (CPU_EQUAL(&other.cores, &mine.cores)) ++count.on_cores;
  }
  return count;
}

void abort_all(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

}  // namespace lior::comm
