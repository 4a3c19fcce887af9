#include <unistd.h>

#include <cstdlib>

#include "program.h"

namespace {

/// OpenMP's threads spin while they wait; on a shared machine that takes the core from the very
/// thread that they wait for (docs/decisions/021-waiting-threads.md). The setting is read when the
/// library is loaded, before main: so the program starts itself once more. Where it cannot, it goes
/// on as it is.
void wait_without_spinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
  wait_without_spinning(argv);
  using namespace lior::app;
  return run_program(
      argc, argv,
      {{"train", "train a model on a text or a task", train_command},
       {"eval", "measure how well a model predicts", eval_command},
       {"generate", "go on with a text", generate_command},
       {"evolve", "evolve a cognitive tensor field", evolve_command},
       {"geodesic", "follow a geodesic of a metric", geodesic_command},
       {"verify", "check every formula against its identities and references", verify_command},
       {"bench", "time every kernel beside its reference and the machine's limit", bench_command},
       {"info", "show version, build, processor and libraries", info_command}});
}
