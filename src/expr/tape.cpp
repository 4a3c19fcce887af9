// SPDX-License-Identifier: Apache-2.0
// From a graph to a tape: the order of the operations, which of them are fused, and their slots.
#include "lior/expr/tape.h"

#include "expr/tape_kernel.h"

namespace lior::expr {
namespace {

/// Chooses order, fusion and slots.
class Compiler {
 public:
  Compiler(const Graph& graph, std::span<const Id> outputs, Index inputs)
      : graph_(graph), outputs_(outputs), inputs_(inputs) {
    const auto nodes = static_cast<std::size_t>(graph.size());
    uses_.resize(nodes);
    slot_.resize(nodes, kNowhere);
    step_.resize(nodes, kNotYet);
  }

  void compile() {
    count_uses();
    next_slot_ = static_cast<std::int32_t>(inputs_);
    left_ = uses_;
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      emit_below(outputs_[k]);
      code.push_back({Op::store, static_cast<std::int32_t>(k), place(outputs_[k]), 0, 0});
      release(outputs_[k]);
    }
  }

  std::vector<Instruction> code;
  std::vector<double> constants;
  std::int32_t slots() const { return next_slot_; }

 private:
  static constexpr std::int32_t kNowhere = std::numeric_limits<std::int32_t>::min();
  enum Step : char { kNotYet, kOpen, kDone };

  /// An instruction with its operands as nodes.
  struct Plan {
    Op op;
    Id a, b, c;
  };

  bool is_value(Id id) const {
    const Op op = graph_[id].op;
    return op == Op::constant || op == Op::input;
  }

  void count_uses() {
    std::vector<Id> open;
    const auto use = [&](Id id) {
      if (id >= 0 && uses_[id]++ == 0 && !is_value(id)) open.push_back(id);
    };
    for (const Id id : outputs_) use(id);
    while (!open.empty()) {
      const Node node = graph_[open.back()];
      open.pop_back();
      use(node.a), use(node.b), use(node.c);
    }
  }

  bool fuses(Id id) const { return graph_[id].op == Op::multiply && uses_[id] == 1; }

  /// A product that only this sum needs becomes part of it.
  Plan plan(Id id) const {
    const Node& node = graph_[id];
    if (node.op == Op::add) {
      for (const auto& [product, rest] : {std::pair(node.a, node.b), std::pair(node.b, node.a)}) {
        if (fuses(product) && product != rest) {
          return {Op::multiply_add, graph_[product].a, graph_[product].b, rest};
        }
      }
    }
    if (node.op == Op::subtract) {
      if (fuses(node.a)) {
        return {Op::multiply_subtract, graph_[node.a].a, graph_[node.a].b, node.b};
      }
      if (fuses(node.b)) {
        return {Op::subtract_product, graph_[node.b].a, graph_[node.b].b, node.a};
      }
    }
    return {node.op, node.a, node.b, node.c};
  }

  /// Operands before what needs them, without recursion.
  void emit_below(Id output) {
    std::vector<Id> open{output};
    while (!open.empty()) {
      const Id id = open.back();
      if (is_value(id) || step_[id] == kDone) {
        open.pop_back();
        continue;
      }
      const Plan next = plan(id);
      if (step_[id] == kNotYet) {
        step_[id] = kOpen;
        for (const Id operand : {next.c, next.b, next.a}) {
          if (operand >= 0) open.push_back(operand);
        }
        continue;
      }
      open.pop_back();
      emit(id, next);
      step_[id] = kDone;
    }
  }

  void emit(Id id, const Plan& next) {
    Instruction instruction{next.op, 0, place(next.a), place(next.b), place(next.c)};
    for (const Id operand : {next.a, next.b, next.c}) {
      if (operand >= 0) release(operand);
    }
    slot_[id] = take_slot();
    instruction.out = slot_[id];
    code.push_back(instruction);
  }

  std::int32_t place(Id id) {
    if (id < 0) return 0;
    const Node& node = graph_[id];
    if (node.op == Op::input) return node.a;
    if (node.op == Op::constant && slot_[id] == kNowhere) {
      slot_[id] = -1 - static_cast<std::int32_t>(constants.size());
      constants.push_back(node.value);
    }
    return slot_[id];
  }

  std::int32_t take_slot() {
    if (free_.empty()) return next_slot_++;
    const std::int32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void release(Id id) {
    if (--left_[id] == 0 && !is_value(id)) free_.push_back(slot_[id]);
  }

  const Graph& graph_;
  std::span<const Id> outputs_;
  Index inputs_;
  std::vector<std::int32_t> uses_, left_;  // of each node: how many need it, and still do
  std::vector<std::int32_t> slot_, free_;
  std::vector<char> step_;
  std::int32_t next_slot_ = 0;
};

template <class T>
Array<T, 2> repeated(const std::vector<double>& constants) {
  Array<T, 2> out({static_cast<Index>(constants.size()), kLongestBlock});
  for (Index i = 0; i < out.size(); ++i) {
    out.data()[i] = static_cast<T>(constants[i / kLongestBlock]);
  }
  return out;
}

}  // namespace

Tape::Tape(const Graph& graph, std::span<const Id> outputs, Index inputs)
    : inputs_(inputs), outputs_(static_cast<Index>(outputs.size())) {
  Compiler compiler(graph, outputs, inputs);
  compiler.compile();
  code_ = std::move(compiler.code);
  constants_ = repeated<double>(compiler.constants);
  constants_single_ = repeated<float>(compiler.constants);
  slots_ = compiler.slots();
  // Long blocks share out what choosing an operation costs, as long as all slots stay in the cache.
  constexpr Index kLongTape = 96, kShortBlock = 16;
  block_ = slots_ <= kLongTape ? kLongestBlock : kShortBlock;
}

}  // namespace lior::expr
