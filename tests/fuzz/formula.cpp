// SPDX-License-Identifier: Apache-2.0
// Any text as a formula of x and y, its derivative, and the tape of both.
#include "fuzz.h"
#include "lior/expr/parse.h"
#include "lior/expr/tape.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const std::string text(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    expr::Graph graph;
    const expr::Scope scope{.find = [&](std::string_view name) -> std::optional<expr::Id> {
                              if (name == "x") return graph.input(0);
                              if (name == "y") return graph.input(1);
                              return {};
                            },
                            .names = {"x", "y"}};
    const expr::Id value = expr::parse(graph, text, scope, "formula");
    const expr::Id outputs[] = {value, graph.derivative(value, 0)};
    const expr::Tape tape(graph, outputs, 2);
    const double x[] = {0.5, 2, 1e300}, y[] = {-1, 0, 3};
    const double* const rows[] = {x, y};
    double out[6];
    tape.run<double>(rows, out, 3, 3);
  });
  return 0;
}
