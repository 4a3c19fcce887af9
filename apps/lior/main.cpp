// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>
#include <system_error>

#include "command.h"
#include "interrupt.h"
#include "program.h"

namespace {

/// Tasks that run beside this one, on the whole machine, at the quietest of ten looks 10 ms apart:
/// what runs for a moment does not count. 0 where the system does not say.
int others_running() {
  int least = std::numeric_limits<int>::max();
  for (int look = 0; look < 10 && least > 0; ++look) {
    if (look > 0) usleep(10000);
    std::ifstream file("/proc/loadavg");  // three averages, then running/all
    double average = 0;
    int running = 1;
    file >> average >> average >> average >> running;
    least = std::min(least, running - 1);
  }
  return least;
}

/// Whether a command line asks for words alone, which need no threads.
bool asks_for_words(int argc, char** argv) {
  using namespace std::string_view_literals;
  static constexpr std::string_view kWords[] = {"--help"sv, "-h"sv,   "--version"sv,  "help"sv,
                                                "man"sv,    "info"sv, "completion"sv, "doctor"sv};
  if (argc < 2) return true;
  return std::ranges::find(kWords, argv[1]) != std::end(kWords) ||
         std::any_of(argv + 2, argv + argc,
                     [](std::string_view word) { return word == "--help" || word == "-h"; });
}

/// How long OpenMP's threads spin before they sleep: 15 us on an idle machine, where waking one
/// takes longer than many a piece of work; not at all on a busy one, where spinning takes the core
/// from the very thread that they wait for (docs/decisions/021-waiting-threads.md). The setting is
/// read when the library is loaded, before main: so the program starts itself once more. Where it
/// cannot, it goes on as it is.
void choose_waiting(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("GOMP_SPINCOUNT", others_running() > 0 ? "0" : "1000", 1);
  std::error_code failed;  // by its own name: started as /proc/self/exe, `top` would show "exe"
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) execv(program.c_str(), argv);
}

/// Opens what is closed of standard input, output and error on /dev/null: the next file that the
/// program opens would take the number, and progress would be written into it.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", O_RDWR);  // gets the lowest free number
  }
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  if (!asks_for_words(argc, argv)) choose_waiting(argv);
  using namespace lior::app;
  take_signals();
  return run_program(
      argc, argv,
      {on_all_ranks({"train", "train a model on a text or a task", train_command}),
       on_all_ranks({"eval", "measure how well a model predicts", eval_command}),
       {"crystallise", "make a model that tracks a finite automaton exact", crystallise_command},
       {"generate", "continue a text", generate_command},
       {"serve", "answer requests for texts over HTTP, as OpenAI's API", serve_command},
       {"report", "write a page with the charts of a run", report_command},
       on_all_ranks({"evolve", "evolve a cognitive tensor field", evolve_command}),
       on_all_ranks({"geodesic", "follow a geodesic of a metric", geodesic_command}),
       {"curvature", "curvature and tensors of a metric at points", curvature_command},
       {"mean", "the mean of points on a curved space", mean_command},
       {"regression", "the geodesic that fits points on a curved space", regression_command},
       {"image", "draw what is seen near a black hole or wormhole", image_command},
       {"verify", "check every formula against its identities and references", verify_command},
       on_all_ranks({"bench", "time every kernel beside its reference and the machine's limit",
                     bench_command}),
       {"info", "show version, build, processor and libraries", info_command},
       {"doctor", "say what is slow or odd on this machine", doctor_command},
       {"help", "explain a command or a topic", help_command},
       {"man", "print a manual page", man_command},
       {"completion", "print a shell's completions", completion_command}});
}
