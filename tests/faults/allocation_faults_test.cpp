// SPDX-License-Identifier: Apache-2.0
// Every allocation of a call fails once: the call throws std::bad_alloc, nothing leaks, and the
// next call gives the result of one that nothing disturbed.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <complex>
#include <cstring>
#include <filesystem>
#include <new>
#include <string_view>
#include <thread>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/expr/parse.h"
#include "lior/expr/tape.h"
#include "lior/field/evolution.h"
#include "lior/field/setup.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/frechet_mean.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/image.h"
#include "lior/geometry/metrics.h"
#include "lior/io/atomic_file.h"
#include "lior/io/csv.h"
#include "lior/io/event_file.h"
#include "lior/io/find_files.h"
#include "lior/io/folder_lock.h"
#include "lior/io/json_lines.h"
#include "lior/io/png.h"
#include "lior/io/safetensors.h"
#include "lior/linalg/fft.h"
#include "lior/memory/causal_convolution.h"
#include "lior/memory/fractional.h"
#include "lior/nn/model.h"
#include "lior/plot/chart.h"
#include "lior/settings/settings.h"
#include "lior/train/automaton_file.h"
#include "lior/train/checkpoint.h"
#include "lior/train/generate.h"
#include "lior/train/group.h"
#include "lior/train/holding.h"
#include "lior/train/metrics.h"
#include "lior/train/text_counts.h"
#include "support/error_of.h"
#include "support/replaced_new.h"
#include "support/temporary_folder.h"

namespace {

std::atomic<std::int64_t> made{0}, live{0};
std::atomic<std::int64_t> fails_at{0};  // counted from 1; 0: none does

/// Foreign libraries' own allocations are left alone: what they do with a failure is theirs. So is
/// the list that the destructor of nlohmann's JSON makes: none that fails could leave it.
bool looks_foreign(const void* caller) {
  Dl_info info{};
  if (dladdr(caller, &info) == 0) return false;
  for (const char* name : {"libdnnl", "libgomp", "libfftw"}) {
    if (std::strstr(info.dli_fname, name) != nullptr) return true;
  }
  const std::string_view symbol = info.dli_sname == nullptr ? "" : info.dli_sname;
  // The list's reserve is in the destructor where it is inlined, and else a function of its own.
  return symbol.find("json_value7destroy") != symbol.npos ||
         (symbol.find("basic_json") != symbol.npos && symbol.find("7reserveE") != symbol.npos);
}

/// The same, remembered, since dladdr looks through all names: twice the address, plus one where it
/// is foreign.
bool is_foreign(const void* caller) {
  static std::array<std::atomic<std::uintptr_t>, 4096> remembered;
  const std::uintptr_t key = 2 * reinterpret_cast<std::uintptr_t>(caller);
  auto& slot = remembered[key / 2 * 0x9e3779b97f4a7c15 >> 52];
  const std::uintptr_t found = slot;
  if ((found & ~std::uintptr_t{1}) == key) return found != key;
  const bool foreign = looks_foreign(caller);
  slot = key + foreign;
  return foreign;
}

}  // namespace

void lior::observed::allocation(std::size_t, const void* caller, bool nothrow) {
  const bool fails = !nothrow && fails_at > 0 && !is_foreign(caller) && ++made == fails_at;
  if (fails) throw std::bad_alloc();
  ++live;
}
void lior::observed::release() noexcept { --live; }

namespace lior {
namespace {

std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

/// Fails the n-th allocation of `call`, for every n there is (or every stride-th), and compares
/// what it returns before and after. Returns how many failed.
template <class Call>
std::int64_t fail_each(const Call& call, std::int64_t stride = 1) {
  const auto expected = call();  // also makes what is made once, as threads and tables are
  const std::ptrdiff_t descriptors = open_descriptors();
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
    if (made < n) break;  // all are through
    EXPECT_TRUE(threw) << "allocation " << n << " fails unnoticed";
    ++failed;
  }
  EXPECT_EQ(open_descriptors(), descriptors);
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

// Without memory for its rows a transform takes its columns as they lie, and does not throw.
TEST(AllocationFaults, InATransformOfLongColumns) {
  constexpr Index kLength = 300, kColumns = 64;
  const linalg::Fft<double> fft({kLength, kColumns, kColumns, 1});
  const auto transformed = [&](std::int64_t failing) {
    Buffer<std::complex<double>> x(kLength * kColumns);
    Random random(5);
    for (auto& number : x) number = {random.normal(), random.normal()};
    made = 0, fails_at = failing;
    std::thread([&] { fft.forward(x.data()); }).join();  // whose rows are not made yet
    fails_at = 0;
    return x;
  };
  const auto expected = transformed(0);
  std::int64_t failed = 0;
  for (std::int64_t n = 1; n < 10; ++n) {
    try {
      const auto got = transformed(n);
      failed += made >= n;
      for (Index i = 0; i < got.size(); ++i) ASSERT_LE(std::abs(got[i] - expected[i]), 1e-11);
    } catch (const std::bad_alloc&) {  // the thread's own
      fails_at = 0;
    }
  }
  EXPECT_GT(failed, 0);
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

/// The contents of an array, a text or a file, for comparison.
template <class Range>
std::vector<double> numbers(const Range& range) {
  return {std::begin(range), std::end(range)};
}

TEST(AllocationFaults, InFormulas) {
  const auto failed = fail_each([] {
    expr::Graph graph;
    const expr::Scope scope{.find = [&](std::string_view word) -> std::optional<expr::Id> {
                              if (word == "x") return graph.input(0);
                              return {};
                            },
                            .names = {"x"}};
    const expr::Id value = expr::parse(graph, "where(x > 1, sin(x^2)/x, exp(-x))", scope, "f");
    const expr::Id outputs[] = {value, graph.derivative(value, 0)};
    const expr::Tape tape(graph, outputs, 1);
    const double x[] = {0.5, 2};
    const double* const rows[] = {x};
    double out[4];
    tape.run<double>(rows, out, 2, 2);
    return numbers(out);
  });
  EXPECT_GT(failed, 20);
}

TEST(AllocationFaults, InAMetricOfFormulas) {
  using namespace geometry;
  constexpr int kStride = 7;
  const auto failed = fail_each(
      [] {
        const auto metric = metric_from_text<double>("expr:r, phi; dr^2 + sinh(r)^2*dphi^2");
        const double x[] = {0.7, 0.2};
        std::vector<double> gamma(6);
        metric.symbols(x, 1, gamma.data(), 1, 1);
        return gamma;
      },
      kStride);
  EXPECT_GT(failed, 10);
}

TEST(AllocationFaults, InAMeanOfPoints) {
  using namespace geometry;
  constexpr int kStride = 499;  // it finds several sets of logarithms
  const auto failed = fail_each(
      [] {
        Array<double, 2> y({2, 3});
        Array<double, 1> mean({2});
        y(0, 0) = 0.1, y(0, 1) = 0.3, y(1, 2) = 0.2;
        frechet_mean(metric_from_text<double>("torus"), y.view(), {}, {}, mean.view());
        return numbers(mean.span());
      },
      kStride);
  EXPECT_GT(failed, 5);
}

TEST(AllocationFaults, InAPictureOfRays) {
  using namespace geometry;
  for (const int threads : kThreads) {
    const ThreadScope scope(threads);
    constexpr int kStride = 11;
    const auto failed = fail_each(
        [] {
          const auto metric = metric_in_lanes("schwarzschild");
          const Camera camera{.place = scene_place(metric, 30, 1.3, 0)};
          Array<std::uint8_t, 3> pixels({4, 4, 3});
          draw_image(metric, {.camera = camera, .scene = {.sky = 100}}, pixels.view());
          return numbers(pixels.span());
        },
        kStride);
    EXPECT_GT(failed, 5);
  }
}

TEST(AllocationFaults, InAChart) {
  const plot::Chart chart{.title = "a title",
                          .x_label = "steps",
                          .y_label = "loss",
                          .lines = {{.points = {{1, 2}, {3, 1}, {4, 8}}, .name = "val"}},
                          .width = 160,
                          .height = 120};
  EXPECT_GT(fail_each([&] { return plot::svg(chart); }), 10);
  EXPECT_GT(fail_each([&] { return numbers(plot::pixels(chart).span()); }), 10);
}

TEST(AllocationFaults, InAFractionalIntegral) {
  const memory::PowerLawRule rule(1e-4, 100);
  const auto failed = fail_each([&] {
    memory::FractionalIntegral<double> integral(0.5, 0.1, rule, 3);
    const double f[] = {1, 2, 3};
    integral.start(f);
    integral.accept(f);
    return numbers(integral.tail());
  });
  EXPECT_GT(failed, 1);
}

TEST(AllocationFaults, InFilesOfArrays) {
  const TemporaryFolder folder;
  const std::string tensors = folder.file("t.safetensors"), picture = folder.file("p.png");
  EXPECT_GT(fail_each([&] {
              const double x[] = {1, 2, 3};
              io::write_safetensors(tensors, {{io::named_tensor<double>("x", x, {3})}},
                                    {{"key", "value that is too long for a short string"}});
              return numbers(io::SafeTensors::open(tensors).read<double>("x").span());
            }),
            10);
  EXPECT_GT(fail_each([&] {
              Array<std::uint8_t, 3> pixels({4, 5, 3});
              pixels(1, 2, 0) = 77;
              io::write_png(picture, pixels.view());
              return numbers(io::read_png(picture).span());
            }),
            2);
}

TEST(AllocationFaults, InAFolderAndWhatItHolds) {
  const TemporaryFolder folder;
  write_plain(folder.file("a text of many words.txt"), "x");
  // A pattern alone: libstdc++'s walk through a folder ends the program where it gets no memory.
  const std::string names[] = {folder.file("*.txt")};
  EXPECT_GT(fail_each([&] { return io::find_files(names, "*").size(); }), 5);
  const io::FolderLock lock(folder.path());
  EXPECT_GT(fail_each([&] { return error_of([&] { io::FolderLock(folder.path()); }); }), 3);
}

TEST(AllocationFaults, InFilesOfLines) {
  const TemporaryFolder folder;
  const std::string table = folder.file("t.csv"), lines = folder.file("l.jsonl");
  write_plain(table, "r, phi\n1, 2\n# a comment\n3, 4e-1\n");
  EXPECT_GT(fail_each([&] { return io::read_csv(table).numbers; }), 3);
  EXPECT_GT(fail_each([&] {
              std::filesystem::remove(lines);
              io::JsonLines file(lines);
              file.append({{"text", std::string_view("a text that no short string holds")}});
              file.sync();
              return read_plain(lines);
            }),
            3);
  const std::string metrics = folder.file("metrics.jsonl");
  EXPECT_GT(fail_each([&] {
              write_plain(metrics, "{\"step\": 1}\n{\"step\": 2, \"a long key of no use\": 0}\n");
              train::Metrics(metrics, 2);
              return std::pair(train::read_metrics(metrics).size(), read_plain(metrics));
            }),
            3);
  EXPECT_GT(fail_each([&] {
              const io::EventFile file(folder.path());
              return file.path().empty();
            }),
            1);
}

TEST(AllocationFaults, InGroupsAndMachines) {
  EXPECT_GT(fail_each([] { return train::parse_group("Z2wrS3").group.order(); }), 10);
  EXPECT_GT(fail_each([] {
              const auto machine =
                  train::parse_automaton("state output a b\ns t s u\nu v u s\n", "table");
              return std::pair(machine.states, train::what_holds(machine.automaton).holding);
            }),
            10);
}

TEST(AllocationFaults, InCountsOfAText) {
  const TemporaryFolder folder;
  write_plain(folder.file("t.txt"), "in the beginning was the word and the word was in the text");
  const auto failed = fail_each([&] {
    const auto source = train::open_source({.corpus = {.names = folder.file("t.txt")}});
    const nn::TextCounts counts =
        train::count_text(*source, nn::Counts(3), {.recent_orders = 2}, [] { return false; });
    train::save_counts(folder.path(), counts.all, 256, 1);
    return train::load_counts(folder.path(), 3, 256, 1).table(2).contexts();
  });
  EXPECT_GT(failed, 20);
}

TEST(AllocationFaults, InACheckpointAndWhatItWrites) {
  const TemporaryFolder folder;
  train::Config config = train::preset_config("tracking");
  config.data = "builtin:parity";
  config.model = {
      .vocabulary = 256, .classes = 256, .d_model = 8, .layers = 1, .mixer = {.heads = 1}};
  nn::Model<float> model(config.model);
  model.initialize(1);
  train::Optimizer<float> optimizer({}, train::tensors_of(model.parameters()));
  train::RunState state;
  state.step = 1;
  constexpr int kStride = 5;
  const auto failed = fail_each(
      [&] {
        train::write_config(config, folder.file("config.json"));
        train::save_checkpoint(folder.path(), model, optimizer, state, {});
        const auto trained = train::load_model(folder.path());
        return train::write_text(trained.model, train::byte_tokenizer(), {}, 1, 8);
      },
      kStride);
  EXPECT_GT(failed, 20);
}

// Of JSON: toml++ ends the program where its parser gets no memory.
TEST(AllocationFaults, InReadingSettings) {
  const auto file = std::filesystem::temp_directory_path() / "lior-allocation-faults.json";
  io::write_file_atomically(file.string(),
                            R"({"batch": 2, "model": {"heads": 4, "mixers": "attention"}})");
  const auto failed = fail_each([&] { return settings::read_file(file).size(); });
  std::filesystem::remove(file);
  EXPECT_GT(failed, 1);
}

}  // namespace
}  // namespace lior
