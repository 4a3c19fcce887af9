// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "lior/train/optimizer.h"

namespace lior::python {
namespace {

using train::LiorForm;

/// Tensors of T that lie apart, and the memory of each where the form has one.
template <class T>
struct Apart {
  std::vector<train::Tensor> tensors;
  std::vector<T*> values;
  std::vector<const T*> gradients;
  std::vector<std::span<T>> memories;

  Apart(Call& call, const std::vector<Output>& values_, const std::vector<Argument>& gradients_,
        const std::vector<Output>& memories_) {
    Index end = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Index size = static_cast<Index>(values_[i].array.size());
      values.push_back(call.state<T>("values", values_[i], {size}).data());
      gradients.push_back(call.in<T>("gradients", gradients_[i], {size}).data());
      if (!memories_.empty()) {
        memories.push_back(call.state<T>("memories", memories_[i], {size}).span());
      }
      tensors.push_back({.offset = end, .size = size});
      end += size;
    }
  }
};

/// The library's optimiser keeps its memories in one flat array: they go in before a step and come
/// out after it.
template <class T>
class LentMemories {
 public:
  LentMemories(train::Optimizer<T>& optimizer, const Apart<T>& apart)
      : optimizer_(optimizer), apart_(apart) {
    each([](std::span<T> tensor, std::span<T> flat) {
      std::copy(tensor.begin(), tensor.end(), flat.begin());
    });
  }
  ~LentMemories() {
    each([](std::span<T> tensor, std::span<T> flat) {
      std::copy(flat.begin(), flat.end(), tensor.begin());
    });
  }
  LentMemories(const LentMemories&) = delete;
  LentMemories& operator=(const LentMemories&) = delete;

 private:
  template <class Copy>
  void each(Copy&& copy) {
    for (std::size_t i = 0; i < apart_.memories.size(); ++i) {
      const train::Tensor& tensor = apart_.tensors[i];
      copy(apart_.memories[i], optimizer_.state()[0].values.subspan(tensor.offset, tensor.size));
    }
  }
  train::Optimizer<T>& optimizer_;
  const Apart<T>& apart_;
};

template <class T>
std::optional<train::ResilienceNet<T>> resilience_net(Call& call,
                                                      const std::vector<Argument>& net) {
  if (net.empty()) return {};
  LIOR_CHECK(net.size() == 4, "net has {} arrays; expected 4: V1, c1, w2, c2", net.size());
  return train::ResilienceNet<T>{call.in<T>("V1", net[0], {'k', 'd'}),
                                 call.in<T>("c1", net[1], {'k'}), call.in<T>("w2", net[2], {'k'}),
                                 call.in<T>("c2", net[3], {1})(0)};
}

void lior_step(const std::string& form, Index power, double kappa, double rate,
               const std::vector<Argument>& net, const std::vector<Output>& values,
               const std::vector<Argument>& gradients, const std::vector<Output>& memories) {
  const auto chosen = parse_name<LiorForm>(form, "form");
  LIOR_CHECK(gradients.size() == values.size(), "{} gradients came for {} tensors",
             gradients.size(), values.size());
  LIOR_CHECK(memories.empty() || memories.size() == values.size(),
             "{} memories came for {} tensors", memories.size(), values.size());
  if (values.empty()) return;
  for_real("gradients", gradients[0], [&]<class T>() {
    Call call;
    const auto net_arrays = resilience_net<T>(call, net);
    const Apart<T> apart(call, values, gradients, memories);
    call.run([&] {
      train::Optimizer<T> optimizer({.kind = train::OptimizerKind::lior,
                                     .form = chosen,
                                     .power = power,
                                     .kappa = kappa,
                                     .memory = !memories.empty()},
                                    apart.tensors, net_arrays);
      const LentMemories<T> lent(optimizer, apart);
      optimizer.measure(apart.gradients);
      optimizer.step(rate, 1, apart.values, apart.gradients);
    });
  });
}

}  // namespace

void bind_optimizer(nb::module_& m) {
  m.def("lior_step", &lior_step, "form"_a, "power"_a, "kappa"_a, "rate"_a, "net"_a, "values"_a,
        "gradients"_a, "memories"_a,
        R"(One LIoR step of flat arrays, each where it lies: p <- p - rate kappa R^-q g.

form: 'exact' (q = power), 'compat', 'manifold'. net: (V1 (k, d), c1 (k,), w2 (k,), c2 (1,)) of the
manifold form, else (). memories: m of each tensor, updated too, where the manifold form has them,
else (). Source: docs/math/conventions.md, section 9.)");
}

}  // namespace lior::python
