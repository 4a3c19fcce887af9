#include "program.h"

int main(int argc, char** argv) {
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
