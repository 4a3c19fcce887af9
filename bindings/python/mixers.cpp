#include "bindings.h"
#include "lior/nn/associator_current.h"
#include "lior/nn/tiled_attention.h"
#include "workspace.h"

namespace lior::python {
namespace {

NumPy associator_current_forward(const Argument& factors, const Argument& transport,
                                 const Outputs& out) {
  return for_real("factors", factors, [&]<class T>() {
    Call call(out);
    const auto turn = call.in<T>("transport", transport, {'H', 8});
    const auto abc = call.in<T>("factors", factors, {'R', nn::kCurrentFactors * call['H']});
    const auto current = call.out<T>({'R', nn::kCurrentWidth * call['H']});
    return call.run([&] { nn::associator_current_forward<T>(abc, turn, current); });
  });
}

Pair associator_current_backward(const Argument& factors, const Argument& transport,
                                 const Argument& current, const Argument& d_current,
                                 const Outputs& out) {
  return for_real("factors", factors, [&]<class T>() {
    Call call(out);
    const auto turn = call.in<T>("transport", transport, {'H', 8});
    const Index width = nn::kCurrentWidth * call['H'];
    const auto abc = call.in<T>("factors", factors, {'R', nn::kCurrentFactors * call['H']});
    const auto j = call.in<T>("current", current, {'R', width});
    const auto dj = call.in<T>("d_current", d_current, {'R', width});
    const auto d_abc = call.out<T>({'R', nn::kCurrentFactors * call['H']});
    const auto d_turn = call.out<T>({'H', 8}, Start::zeros);
    return Pair(call.run([&] {
      with_arena([&](Arena& arena) {
        nn::associator_current_backward<T>(abc, turn, j, dj, d_abc, d_turn, arena);
      });
    }));
  });
}

/// z and v [B, N, 16 H], mix [H, 4], and what follows from them.
template <class T>
struct Spinors {
  nn::TiledAttentionShape shape;
  View<const T, 2> z, v, mix;

  Spinors(Call& call, const Argument& z_, const Argument& v_, const Argument& mix_, Index window) {
    mix = call.in<T>("mix", mix_, {'H', 4});
    const Index width = nn::kSpinorWidth * call['H'];
    const auto keys = call.in<T>("z", z_, {'B', 'N', width});
    const auto values = call.in<T>("v", v_, {'B', 'N', width});
    shape = {.batch = call['B'],
             .length = call['N'],
             .heads = call['H'],
             .key_width = nn::kSpinorWidth,
             .value_width = nn::kSpinorWidth,
             .window = window};
    const Shape<2> flat{shape.rows(), width};
    z = keys.reshaped(flat), v = values.reshaped(flat);
  }
};

Pair spinor_attention_forward(const Argument& z, const Argument& v, const Argument& mix,
                              Index window, const Outputs& out) {
  return for_real("z", z, [&]<class T>() {
    Call call(out);
    const Spinors<T> in(call, z, v, mix, window);
    const auto attended = call.out<T>({'B', 'N', in.z.extent(1)});
    const auto log_sums = call.out<T>({'B', 'H', 'N'});
    return Pair(call.run([&] {
      nn::spinor_attention_forward<T>(in.shape, in.z, in.v, in.mix, {},
                                      attended.reshaped(in.z.shape()), log_sums);
    }));
  });
}

Triple spinor_attention_backward(const Argument& z, const Argument& v, const Argument& mix,
                                 Index window, const Argument& attended, const Argument& log_sums,
                                 const Argument& d_attended, const Outputs& out) {
  return for_real("z", z, [&]<class T>() {
    Call call(out);
    const Spinors<T> in(call, z, v, mix, window);
    const Shape<2> flat = in.z.shape();
    const auto result = call.in<T>("attended", attended, {'B', 'N', flat[1]});
    const auto sums = call.in<T>("log_sums", log_sums, {'B', 'H', 'N'});
    const auto d_result = call.in<T>("d_attended", d_attended, {'B', 'N', flat[1]});
    const auto dz = call.out<T>({'B', 'N', flat[1]}), dv = call.out<T>({'B', 'N', flat[1]});
    const auto d_mix = call.out<T>({'H', 4}, Start::zeros);
    return Triple(call.run([&] {
      with_arena([&](Arena& arena) {
        nn::spinor_attention_backward<T>(in.shape, in.z, in.v, in.mix, result.reshaped(flat), sums,
                                         d_result.reshaped(flat), dz.reshaped(flat),
                                         dv.reshaped(flat), d_mix, arena);
      });
    }));
  });
}

}  // namespace

void bind_mixers(nb::module_& m) {
  m.def(
      "associator_current_forward", &associator_current_forward, "factors"_a, "transport"_a,
      nb::kw_only(), "out"_a = nb::none(),
      R"(j = ((a b) c - a (b c)) P/|P|: (R, 16 H) from factors (R, 48 H), a, b, c of a head side by side,
and transport P (H, 8). Source: docs/math/conventions.md, section 5.)");
  m.def("associator_current_backward", &associator_current_backward, "factors"_a, "transport"_a,
        "current"_a, "d_current"_a, nb::kw_only(), "out"_a = nb::none(),
        "(d_factors (R, 48 H), d_transport (H, 8)) from forward's result and its gradient.");
  m.def("spinor_attention_forward", &spinor_attention_forward, "z"_a, "v"_a, "mix"_a,
        "window"_a = 0, nb::kw_only(), "out"_a = nb::none(),
        R"((attended (B, N, 16 H), log_sums (B, H, N)): causal softmax attention with spinor scores.

z: queries and keys (B, N, 16 H), 8 real parts before 8 imaginary ones a head; v (B, N, 16 H); mix
(H, 4): l1..l4. window: positions that a query sees, 0 for all. No array of N x N numbers.
Source: docs/math/conventions.md, section 5.)");
  m.def("spinor_attention_backward", &spinor_attention_backward, "z"_a, "v"_a, "mix"_a, "window"_a,
        "attended"_a, "log_sums"_a, "d_attended"_a, nb::kw_only(), "out"_a = nb::none(),
        "(dz, dv, d_mix (H, 4)) from forward's results and the gradient of its first.");
}

}  // namespace lior::python
