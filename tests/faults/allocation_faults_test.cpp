// SPDX-License-Identifier: Apache-2.0
// Every allocation of a call fails once: the call throws std::bad_alloc, nothing leaks, and the
// next call gives the result of one that nothing disturbed.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/field/evolution.h"
#include "lior/field/setup.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/metrics.h"
#include "lior/io/atomic_file.h"
#include "lior/memory/causal_convolution.h"
#include "lior/nn/model.h"
#include "lior/settings/settings.h"
#include "lior/train/checkpoint.h"

namespace {

std::atomic<std::int64_t> made{0}, live{0};
std::atomic<std::int64_t> fails_at{0};  // counted from 1; 0: none does

/// Foreign libraries' own allocations are left alone: what they do with a failure is theirs.
bool is_foreign(const void* caller) {
  Dl_info info{};
  if (dladdr(caller, &info) == 0) return false;
  for (const char* name : {"libdnnl", "libgomp", "libfftw", "libtomlplusplus"}) {
    if (std::strstr(info.dli_fname, name) != nullptr) return true;
  }
  return false;
}

void* counted(void* memory, const void* caller) {
  if (memory == nullptr) throw std::bad_alloc();
  ++live;
  if (fails_at > 0 && !is_foreign(caller) && ++made == fails_at) {
    std::free(memory);
    --live;
    throw std::bad_alloc();
  }
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

// Out of line, for the caller's address; and the compiler then takes no free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return counted(std::malloc(size + (size == 0)), __builtin_return_address(0));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto line = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(line, (size + line - 1) / line * line),
                 __builtin_return_address(0));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

namespace lior {
namespace {

/// Fails the n-th allocation of `call`, for every n there is (or every stride-th), and compares
/// what it returns before and after. Returns how many failed.
template <class Call>
std::int64_t fail_each(const Call& call, std::int64_t stride = 1) {
  const auto expected = call();  // also makes what is made once, as threads and tables are
  std::int64_t failed = 0;
  for (std::int64_t n = 1;; n += stride) {
    const std::int64_t before = live;
    bool threw = false;
    made = 0, fails_at = n;
    try {
      static_cast<void>(call());
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    fails_at = 0;
    EXPECT_EQ(live, before) << "allocation " << n << " leaks";
    if (!threw) break;  // all are through
    ++failed;
  }
  EXPECT_EQ(call(), expected);
  testing::Test::RecordProperty("failed_allocations", static_cast<int>(failed));
  return failed;
}

constexpr int kThreads[] = {1, 2};

TEST(AllocationFaults, InGeodesicsAndCurvature) {
  using namespace geometry;
  for (const int threads : kThreads) {
    const ThreadScope scope(threads);
    const auto failed = fail_each([] {
      const auto torus = metric_from_text<double>("torus");
      Array<double, 2> x({2, 70}), v({2, 70}), y({2, 70});
      Random(1).fill_uniform(x.span(), -1, 1);
      Random(2).fill_uniform(v.span(), -1, 1);
      Array<PathStatus, 1> status({70});
      exp_map<double>(torus, x.view(), v.view(), {}, y.view(), status.view());
      Array<double, 1> scalar({70});
      curvature<double>(torus, x.view(), {.scalar = scalar.view()});
      return std::vector<double>{y(0, 0), y(1, 69), scalar(69)};
    });
    EXPECT_GT(failed, 20);
  }
}

TEST(AllocationFaults, InADistance) {
  using namespace geometry;
  constexpr int kStride = 53;  // it has some thousand
  const auto failed = fail_each(
      [] {
        Array<double, 1> length({1});
        Array<double, 2> from({2, 1}), to({2, 1});
        to(0, 0) = 0.7, to(1, 0) = 0.4;
        distance<double>(Torus{}, from.view(), to.view(), {}, {length.view()});
        return length(0);
      },
      kStride);
  EXPECT_GT(failed, 5);
}

TEST(AllocationFaults, InAnEvolutionOfEveryScheme) {
  using namespace field;
  const Grid grid{8, 8, 2, 1};
  for (const int threads : kThreads) {
    const ThreadScope scope(threads);
    for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson,
                                Scheme::rk4, Scheme::chebyshev}) {
      const auto failed = fail_each([&] {
        Array<double, 2> v({8, 8});
        fill_potential(Potential::harmonic, 0.01, grid, v.view());
        const Hamiltonian<double> h(grid, {}, {}, v.view());
        Array<std::complex<double>, 4> start(grid.shape());
        fill_random(grid, 3, start.view());
        Settings settings{.scheme = scheme, .dt = 0.01};
        if (traits(scheme).sources) settings.lambda_qr = 0.1, settings.lambda_f = 0.1;
        Evolution<double> evolution(h, settings, start.view(), {.evidence = start.view()});
        evolution.run(3);
        return evolution.field()(3, 4, 1, 0);
      });
      EXPECT_GT(failed, 10) << name(scheme);
    }
  }
}

TEST(AllocationFaults, InAMemory) {
  const memory::PowerLawRule rule(1e-4, 100);
  const auto failed = fail_each([&] {
    memory::CausalConvolution<double> memory(2, rule);
    Array<double, 4> x({1, 40, 2, 3}), y({1, 40, 2, 3});
    Random(4).fill_uniform(x.span(), -1, 1);
    Arena arena(1 << 20);
    memory.forward(x.view(), y.view(), arena);
    return y(0, 39, 1, 2);
  });
  EXPECT_GT(failed, 5);
}

TEST(AllocationFaults, InAStepOfTraining) {
  for (const int threads : kThreads) {
    const ThreadScope scope(threads);
    const auto failed = fail_each([] {
      nn::Model<float> model(
          {.vocabulary = 16,
           .classes = 16,
           .d_model = 16,
           .layers = 3,
           .mlp_hidden = 24,
           .mixers = {nn::Mixer::geometric_mamba, nn::Mixer::attention, nn::Mixer::causal_field},
           .mixer = {.heads = 2}});
      model.initialize(1);
      Array<std::int32_t, 2> tokens({2, 9});
      for (Index k = 0; k < tokens.size(); ++k)
        tokens.data()[k] = static_cast<std::int32_t>(k % 16);
      Arena arena(model.training_bytes(2, 9));
      const double loss = model.loss_and_gradients(tokens.view(), tokens.view(), arena).loss_sum;
      train::Optimizer<float> optimizer({}, train::tensors_of(model.parameters()));
      optimizer.step(1e-3, 1, model.values(), model.gradients());
      return std::pair(loss, model.values()[5]);
    });
    EXPECT_GT(failed, 50);
  }
}

TEST(AllocationFaults, InReadingSettings) {
  const auto file = std::filesystem::temp_directory_path() / "lior-allocation-faults.toml";
  io::write_file_atomically(file.string(),
                            "batch = 2\n[model]\nheads = 4\nmixers = \"attention\"\n");
  const auto failed = fail_each([&] { return settings::read_file(file).size(); });
  std::filesystem::remove(file);
  EXPECT_GT(failed, 1);
}

}  // namespace
}  // namespace lior
