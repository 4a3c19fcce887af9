// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"
#include "lior/nn/associator_current.h"
#include "lior/nn/short_convolution.h"
#include "lior/nn/spinor_map.h"
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
    return call.run_watched([&] { nn::associator_current_forward<T>(abc, turn, current); });
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
    return Pair(call.run_watched([&] {
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
    return Pair(call.run_watched([&] {
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
    return Triple(call.run_watched([&] {
      with_arena([&](Arena& arena) {
        nn::spinor_attention_backward<T>(in.shape, in.z, in.v, in.mix, result.reshaped(flat), sums,
                                         d_result.reshaped(flat), dz.reshaped(flat),
                                         dv.reshaped(flat), d_mix, arena);
      });
    }));
  });
}

NumPy spinor_map_forward(const Argument& octets, const Outputs& out) {
  return for_real("octets", octets, [&]<class T>() {
    Call call(out);
    const auto abt = call.in<T>("octets", octets, {'R', 'C'});
    LIOR_CHECK(call['C'] % 24 == 0, "octets has {} columns; expected 24 a head", call['C']);
    const auto z = call.out<T>({'R', call['C'] / 24 * nn::kSpinorWidth});
    return call.run_watched([&] { nn::spinor_map_forward<T>(abt, z); });
  });
}

NumPy spinor_map_backward(const Argument& octets, const Argument& dz, const Outputs& out) {
  return for_real("octets", octets, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto abt = call.in<T>("octets", octets, {'R', 'C'});
    LIOR_CHECK(call['C'] % 24 == 0, "octets has {} columns; expected 24 a head", call['C']);
    const auto gradient = call.in<T>("dz", dz, {'R', call['C'] / 24 * nn::kSpinorWidth});
    const auto d_octets = call.out<T>({'R', 'C'});
    return call.run_watched([&] { nn::spinor_map_backward<T>(abt, gradient, d_octets); });
  });
}

NumPy short_convolution_forward(const Argument& x, const Argument& taps, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto tokens = call.in<T>("x", x, {'B', 'N', 'D'});
    const auto filters = call.in<T>("taps", taps, {'K', 'D'});
    const auto y = call.out<T>({'B', 'N', 'D'});
    const Shape<2> flat{call['B'] * call['N'], call['D']};
    return call.run_watched([&] {
      nn::short_convolution_forward<T>(call['B'], tokens.reshaped(flat), filters, {},
                                       y.reshaped(flat));
    });
  });
}

Pair short_convolution_backward(const Argument& x, const Argument& taps, const Argument& dy,
                                const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto tokens = call.in<T>("x", x, {'B', 'N', 'D'});
    const auto filters = call.in<T>("taps", taps, {'K', 'D'});
    const auto gradient = call.in<T>("dy", dy, {'B', 'N', 'D'});
    const auto dx = call.out<T>({'B', 'N', 'D'});
    const auto d_taps = call.out<T>({'K', 'D'}, Start::zeros);
    const Shape<2> flat{call['B'] * call['N'], call['D']};
    return Pair(call.run_watched([&] {
      std::copy(gradient.begin(), gradient.end(), dx.begin());
      nn::short_convolution_backward<T>(call['B'], tokens.reshaped(flat), filters,
                                        dx.reshaped(flat), d_taps);
    }));
  });
}

/// q, k [B, N, H E], v [B, N, H F] and slopes [H] or none, flat in rows.
template <class T>
struct DotAttention {
  nn::TiledAttentionShape shape;
  View<const T, 2> q, k, v;
  View<const T, 1> slopes;

  DotAttention(Call& call, const Argument& q_, const Argument& k_, const Argument& v_,
               const Argument& slopes_, Index heads, Index window) {
    LIOR_CHECK(heads >= 1, "heads is {}; expected at least 1", heads);
    const auto queries = call.in<T>("q", q_, {'B', 'N', 'K'});
    const auto keys = call.in<T>("k", k_, {'B', 'N', 'K'});
    const auto values = call.in<T>("v", v_, {'B', 'N', 'V'});
    slopes = call.in_or_none<T>("slopes", slopes_, {heads});
    LIOR_CHECK(call['K'] % heads == 0 && call['V'] % heads == 0,
               "q and v have {} and {} columns; expected multiples of the {} heads", call['K'],
               call['V'], heads);
    shape = {.batch = call['B'],
             .length = call['N'],
             .heads = heads,
             .key_width = call['K'] / heads,
             .value_width = call['V'] / heads,
             .window = window};
    q = queries.reshaped(Shape<2>{shape.rows(), call['K']});
    k = keys.reshaped(q.shape());
    v = values.reshaped(Shape<2>{shape.rows(), call['V']});
  }
};

Pair dot_attention_forward(const Argument& q, const Argument& k, const Argument& v, Index heads,
                           const Argument& slopes, Index window, const Outputs& out) {
  return for_real("q", q, [&]<class T>() {
    Call call(out);
    const DotAttention<T> in(call, q, k, v, slopes, heads, window);
    const auto attended = call.out<T>({'B', 'N', 'V'});
    const auto log_sums = call.out<T>({'B', heads, 'N'});
    return Pair(call.run_watched([&] {
      nn::dot_attention_forward<T>(in.shape, in.q, in.k, in.v, in.slopes, {},
                                   attended.reshaped(in.v.shape()), log_sums);
    }));
  });
}

Triple dot_attention_backward(const Argument& q, const Argument& k, const Argument& v, Index heads,
                              const Argument& slopes, Index window, const Argument& attended,
                              const Argument& log_sums, const Argument& d_attended,
                              const Outputs& out) {
  return for_real("q", q, [&]<class T>() {
    Call call(out);
    const DotAttention<T> in(call, q, k, v, slopes, heads, window);
    const auto result = call.in<T>("attended", attended, {'B', 'N', 'V'});
    const auto sums = call.in<T>("log_sums", log_sums, {'B', heads, 'N'});
    const auto d_result = call.in<T>("d_attended", d_attended, {'B', 'N', 'V'});
    const auto dq = call.out<T>({'B', 'N', 'K'}), dk = call.out<T>({'B', 'N', 'K'});
    const auto dv = call.out<T>({'B', 'N', 'V'});
    const Shape<2> keys = in.q.shape(), values = in.v.shape();
    return Triple(call.run_watched([&] {
      nn::dot_attention_backward<T>(in.shape, in.q, in.k, in.v, in.slopes, result.reshaped(values),
                                    sums, d_result.reshaped(values), dq.reshaped(keys),
                                    dk.reshaped(keys), dv.reshaped(values));
    }));
  });
}

}  // namespace

void bind_mixers(nb::module_& m) {
  m.def(
      "associator_current_forward", &associator_current_forward, "factors"_a, "transport"_a,
      nb::kw_only(), "out"_a = nb::none(),
      R"(j = ((a b) c - a (b c)) P/|P|: (R, 16 H) from factors (R, 48 H), a, b, c of a head side by side,
and transport P (H, 8). Source: docs/math/conventions.md, section 10.)");
  m.def("associator_current_backward", &associator_current_backward, "factors"_a, "transport"_a,
        "current"_a, "d_current"_a, nb::kw_only(), "out"_a = nb::none(),
        "(d_factors (R, 48 H), d_transport (H, 8)) from forward's result and its gradient.");
  m.def("spinor_attention_forward", &spinor_attention_forward, "z"_a, "v"_a, "mix"_a,
        "window"_a = 0, nb::kw_only(), "out"_a = nb::none(),
        R"((attended (B, N, 16 H), log_sums (B, H, N)): causal softmax attention with spinor scores.

z: queries and keys (B, N, 16 H), 8 real parts before 8 imaginary ones a head; v (B, N, 16 H); mix
(H, 4): l1..l4. window: positions that a query sees, 0 for all. No array of N x N numbers.
Source: docs/math/conventions.md, section 10.)");
  m.def("spinor_attention_backward", &spinor_attention_backward, "z"_a, "v"_a, "mix"_a, "window"_a,
        "attended"_a, "log_sums"_a, "d_attended"_a, nb::kw_only(), "out"_a = nb::none(),
        "(dz, dv, d_mix (H, 4)) from forward's results and the gradient of its first.");
  m.def(
      "spinor_map_forward", &spinor_map_forward, "octets"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(z = [A e^clamp(Theta, -5, 5) + B cos Theta | B sin Theta]: (R, 16 H), 8 real parts before 8 imaginary
ones a head, from octets (R, 24 H): A, B, Theta of a head side by side. Source: docs/math/conventions.md,
section 10.)");
  m.def("spinor_map_backward", &spinor_map_backward, "octets"_a, "dz"_a, nb::kw_only(),
        "out"_a = nb::none(), "d_octets: (R, 24 H) from dz: (R, 16 H).");
  m.def(
      "short_convolution_forward", &short_convolution_forward, "x"_a, "taps"_a, nb::kw_only(),
      "out"_a = nb::none(),
      R"(x_n + sum_k taps_k x_{n-k}, channel by channel: (B, N, D) of x (B, N, D), zeros before the first
token; taps (K, D), 1 <= K <= 16, tap 0 the token's own.)");
  m.def("short_convolution_backward", &short_convolution_backward, "x"_a, "taps"_a, "dy"_a,
        nb::kw_only(), "out"_a = nb::none(), "(dx (B, N, D), d_taps (K, D)) from dy: (B, N, D).");
  m.def("dot_attention_forward", &dot_attention_forward, "q"_a, "k"_a, "v"_a, "heads"_a,
        "slopes"_a.none() = nb::none(), "window"_a = 0, nb::kw_only(), "out"_a = nb::none(),
        R"((attended (B, N, H F), log_sums (B, H, N)): causal softmax attention with scores
q_i . k_j / sqrt E - slope (i - j), each head on its own.

q, k: (B, N, H E), v: (B, N, H F), head h in columns h E (h F) on; E, F <= 128. slopes: (H,), >= 0, or None.
window: positions that a query sees, 0 for all. No array of N x N numbers.
Source: docs/math/conventions.md, section 10.)");
  m.def("dot_attention_backward", &dot_attention_backward, "q"_a, "k"_a, "v"_a, "heads"_a,
        "slopes"_a.none(), "window"_a, "attended"_a, "log_sums"_a, "d_attended"_a, nb::kw_only(),
        "out"_a = nb::none(),
        "(dq, dk, dv) from forward's arguments, its results and the gradient of its first.");
}

}  // namespace lior::python
