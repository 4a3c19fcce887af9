// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CI8 scan for CUDA, forward and backward: docs/math/conventions.md, sections 4.1 to 4.3 and
// 4.6.
//
//   h_n = a_n e^{i phi_n} F_k(... F_1(D h_{n-1})) + b_n c_n
//
// Chunks of tokens run side by side. Each is one affine map, of whose nine columns (the eight of M,
// and v) a thread makes one; a thread per head then goes from chunk to chunk; and each chunk runs
// again from the state that it starts from. Backward is the same from the last token to the first.
// Functions NAME_at do the work of one thread, and run on the processor too, which is how they are
// tested; ci8_scan.cu has the kernels. All arrays are row-major with heads last, so that threads
// side by side read numbers side by side.

#include "octonion.cuh"

namespace lior::cuda {

/// How F turns a state x by a unit octonion u.
enum Transition : int { kRight, kLeft, kTwoSided };  // x u, u x, (u x) u

/// What all kernels are given; what one does not read may be null. S = 8, of complex states 16.
template <class T>
struct Scan {
  Long batch, length, heads;
  Long columns;  ///< of a row of projection
  Long chunk, chunks;
  int factors, transition, gates, phase;
  const T* projection;   ///< [B, N, columns]: planes w, z, phi, c of H numbers (4.2)
  const T* initial;      ///< [B, S, H]
  const T* cos_and_sin;  ///< [2, 8, H] of the angles of D, or null
  T* maps;               ///< [B, chunks, 9, S, H]: columns of M, then v
  T* starts;             ///< [B, chunks, S, H]: h before each chunk
  T* states;             ///< [B, N, S, H]
  const T* d_states;     ///< [B, N, S, H]
  T* pulls;              ///< [B, chunks, S, H]: what a chunk's own d_states send to its start
  T* ends;               ///< [B, chunks, S, H]: the gradient that later chunks send to its end
  T* d_projection;       ///< [B, N, columns]
  T* d_initial;          ///< [B, S, H]
  T* d_angles;           ///< [B, chunks, 8, H]
};

/// w/|w|, and e_0 where |w| <= 1e-6; 1/|w|, 0 there.
template <class T>
struct Unit {
  Octonion<T> u;
  T per_length;
};
template <class T>
LIOR_BOTH Unit<T> unit_of(Octonion<T> w) {
  const T length = sqrt(dot(w, w));
  if (!(length > T(1e-6))) return {{{1, 0, 0, 0, 0, 0, 0, 0}}, 0};
#pragma unroll
  for (int i = 0; i < 8; ++i) w.at[i] /= length;
  return {w, 1 / length};
}

/// F x.
template <class T>
LIOR_BOTH Octonion<T> turned(int transition, const Octonion<T>& u, const Octonion<T>& x) {
  if (transition == kRight) return product(x, u);
  const Octonion<T> left = product(u, x);
  return transition == kLeft ? left : product(left, u);
}
/// F^T x, which is F's inverse.
template <class T>
LIOR_BOTH Octonion<T> turned_back(int transition, const Octonion<T>& u, const Octonion<T>& x) {
  const Octonion<T> back = conjugate(u);
  if (transition == kLeft) return product(back, x);
  const Octonion<T> right = product(x, back);
  return transition == kRight ? right : product(back, right);
}

/// z e^{i angle} of a complex number z.
template <class T>
LIOR_BOTH void rotate(T cosine, T sine, T& re, T& im) {
  const T real = cosine * re - sine * im;
  im = cosine * im + sine * re;
  re = real;
}

/// D h, or with sign = -1 its inverse.
template <class T, int kParts>
LIOR_BOTH void rotate_by_angles(const Scan<T>& s, Long head, T sign, State<T, kParts>& h) {
  if constexpr (kParts == 2) {
    if (s.cos_and_sin == nullptr) return;
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const T cosine = s.cos_and_sin[k * s.heads + head];
      const T sine = s.cos_and_sin[(8 + k) * s.heads + head];
      rotate(cosine, sign * sine, h.part[0].at[k], h.part[1].at[k]);
    }
  }
}

template <class T, int kParts>
LIOR_BOTH void rotate_by_phase(T cosine, T sine, State<T, kParts>& h) {
  if constexpr (kParts == 2) {
#pragma unroll
    for (int k = 0; k < 8; ++k) rotate(cosine, sine, h.part[0].at[k], h.part[1].at[k]);
  }
}

template <class T, int kParts>
LIOR_BOTH void add(const State<T, kParts>& other, State<T, kParts>& h) {
#pragma unroll
  for (int p = 0; p < kParts; ++p) {
#pragma unroll
    for (int k = 0; k < 8; ++k) h.part[p].at[k] += other.part[p].at[k];
  }
}

/// A token's numbers beside its octonions: a, 1 - a, b, and the phase.
template <class T>
struct Gate {
  T a = 1, rest = 0, b = 0, cosine = 1, sine = 0;
};
template <class T>
LIOR_BOTH Gate<T> gate_of(const Scan<T>& s, const T* token) {
  Gate<T> gate;
  const T* const z = token + 8 * s.factors * s.heads;
  if (s.gates != 0) {
    gate.a = sigmoid(*z);
    gate.rest = sigmoid(-*z);
    gate.b = sqrt(gate.rest * (1 + gate.a));
  }
  if (s.phase != 0) {
    const T phi = z[s.gates != 0 ? s.heads : 0];
    gate.cosine = cos(phi);
    gate.sine = sin(phi);
  }
  return gate;
}

/// The first plane of c, in one token's row.
template <class T>
LIOR_BOTH Long offset_plane(const Scan<T>& s) {
  return (8 * s.factors + 1 + s.phase) * s.heads;
}

template <class T>
LIOR_BOTH Unit<T> factor_of(const Scan<T>& s, const T* token, int f) {
  return unit_of(load(token + 8 * f * s.heads, s.heads));
}

/// h_n from h_{n-1}; without `moved` its linear part alone. token: projection of this token and
/// head.
template <class T, int kParts>
LIOR_BOTH void step(const Scan<T>& s, const T* token, Long head, bool moved, State<T, kParts>& h) {
  rotate_by_angles(s, head, T(1), h);
  for (int f = 0; f < s.factors; ++f) {
    const Octonion<T> u = factor_of(s, token, f).u;
#pragma unroll
    for (int p = 0; p < kParts; ++p) h.part[p] = turned(s.transition, u, h.part[p]);
  }
  const Gate<T> gate = gate_of(s, token);
  rotate_by_phase(gate.cosine, gate.sine, h);
  scale(gate.a, h);
  if (s.gates != 0 && moved) {
    State<T, kParts> c = load_state<kParts>(token + offset_plane(s), s.heads);
    scale(gate.b, c);
    add(c, h);
  }
}

/// M^dagger g of one token.
template <class T, int kParts>
LIOR_BOTH void step_back(const Scan<T>& s, const T* token, Long head, State<T, kParts>& g) {
  const Gate<T> gate = gate_of(s, token);
  rotate_by_phase(gate.cosine, -gate.sine, g);
  scale(gate.a, g);
  for (int f = s.factors; f-- > 0;) {
    const Octonion<T> u = factor_of(s, token, f).u;
#pragma unroll
    for (int p = 0; p < kParts; ++p) g.part[p] = turned_back(s.transition, u, g.part[p]);
  }
  rotate_by_angles(s, head, T(-1), g);
}

/// The gradient of u, of y = F x where y has the gradient g: sum over the parts.
template <class T>
LIOR_BOTH void add_unit_gradient(int transition, const Octonion<T>& u, const Octonion<T>& x,
                                 const Octonion<T>& g, Octonion<T>& du) {
  Octonion<T> sum;
  if (transition == kRight) {
    sum = product(conjugate(x), g);
  } else if (transition == kLeft) {
    sum = product(g, conjugate(x));
  } else {
    sum = product(conjugate(product(u, x)), g);
    const Octonion<T> other = product(product(g, conjugate(u)), conjugate(x));
#pragma unroll
    for (int k = 0; k < 8; ++k) sum.at[k] += other.at[k];
  }
#pragma unroll
  for (int k = 0; k < 8; ++k) du.at[k] += sum.at[k];
}

/// Of one token: d_token from h_{n-1} = x and g, the gradient of h_n, which becomes that of
/// h_{n-1}. The states between factors are made again from the last one: each F is its own
/// inverse's transpose.
template <class T, int kParts>
LIOR_BOTH void gradient_step(const Scan<T>& s, const T* token, T* d_token, Long head,
                             State<T, kParts> x, State<T, kParts>& g, Octonion<T>& d_angles) {
  rotate_by_angles(s, head, T(1), x);
  for (int f = 0; f < s.factors; ++f) {
    const Octonion<T> u = factor_of(s, token, f).u;
#pragma unroll
    for (int p = 0; p < kParts; ++p) x.part[p] = turned(s.transition, u, x.part[p]);
  }
  const Gate<T> gate = gate_of(s, token);
  T c_dot_g = 0;
  if (s.gates != 0) {
    const State<T, kParts> c = load_state<kParts>(token + offset_plane(s), s.heads);
    State<T, kParts> dc = g;
#pragma unroll
    for (int p = 0; p < kParts; ++p) c_dot_g += dot(c.part[p], g.part[p]);
    scale(gate.b, dc);
    store_state(dc, d_token + offset_plane(s), s.heads);
  }
  rotate_by_phase(gate.cosine, -gate.sine, g);
  T y_dot_g = 0;
#pragma unroll
  for (int p = 0; p < kParts; ++p) y_dot_g += dot(x.part[p], g.part[p]);
  T* const d_z = d_token + 8 * s.factors * s.heads;
  if (s.gates != 0) {
    *d_z = gate.a * (gate.rest * y_dot_g - gate.a * sqrt(gate.rest / (1 + gate.a)) * c_dot_g);
  }
  if constexpr (kParts == 2) {
    if (s.phase != 0) {
      const T turn = dot(g.part[1], x.part[0]) - dot(g.part[0], x.part[1]);
      d_z[s.gates != 0 ? s.heads : 0] = gate.a * turn;
    }
  }
  scale(gate.a, g);
  for (int f = s.factors; f-- > 0;) {
    const Unit<T> unit = factor_of(s, token, f);
    Octonion<T> du = {};
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
      x.part[p] = turned_back(s.transition, unit.u, x.part[p]);
      add_unit_gradient(s.transition, unit.u, x.part[p], g.part[p], du);
      g.part[p] = turned_back(s.transition, unit.u, g.part[p]);
    }
    const T along = dot(unit.u, du);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      d_token[(8 * f + k) * s.heads] = (du.at[k] - unit.u.at[k] * along) * unit.per_length;
    }
  }
  if constexpr (kParts == 2) {
    if (s.cos_and_sin != nullptr) {
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        d_angles.at[k] += g.part[1].at[k] * x.part[0].at[k] - g.part[0].at[k] * x.part[1].at[k];
      }
    }
  }
  rotate_by_angles(s, head, T(-1), g);
}

/// Where one thread works: heads are innermost, then columns of maps, then chunks.
struct Place {
  Long head, column, chunk, sequence;
};
template <class T>
LIOR_BOTH Place place_of(const Scan<T>& s, Long thread, Long columns, Long chunks) {
  Place place;
  place.head = thread % s.heads;
  thread /= s.heads;
  place.column = thread % columns;
  thread /= columns;
  place.chunk = thread % chunks;
  place.sequence = thread / chunks;
  return place;
}

/// First token of a chunk, and the one behind its last.
struct Tokens {
  Long first, end;
};
template <class T>
LIOR_BOTH Tokens tokens_of(const Scan<T>& s, Long chunk) {
  const Long first = chunk * s.chunk, end = first + s.chunk;
  return {first, end < s.length ? end : s.length};
}

/// Offsets of one head's numbers; the next number of an octonion is `heads` further.
template <class T>
LIOR_BOTH Long token_at(const Scan<T>& s, const Place& at, Long n) {
  return (at.sequence * s.length + n) * s.columns + at.head;
}
template <int kParts, class T>
LIOR_BOTH Long state_at(const Scan<T>& s, const Place& at, Long n) {
  return (at.sequence * s.length + n) * 8 * kParts * s.heads + at.head;
}
template <int kParts, class T>
LIOR_BOTH Long chunk_at(const Scan<T>& s, const Place& at, Long chunk) {
  return (at.sequence * s.chunks + chunk) * 8 * kParts * s.heads + at.head;
}
template <int kParts, class T>
LIOR_BOTH Long map_at(const Scan<T>& s, const Place& at, Long chunk, Long column) {
  return ((at.sequence * s.chunks + chunk) * 9 + column) * 8 * kParts * s.heads + at.head;
}

/// Column k of M, or v, of one chunk. Threads: 9 B chunks H.
template <int kParts, class T>
LIOR_BOTH void scan_maps_at(const Scan<T>& s, Long thread) {
  const Place at = place_of(s, thread, 9, s.chunks);
  const Tokens tokens = tokens_of(s, at.chunk);
  State<T, kParts> h = {};
#pragma unroll
  for (int k = 0; k < 8; ++k) h.part[0].at[k] = at.column == k ? T(1) : T(0);
  for (Long n = tokens.first; n < tokens.end; ++n) {
    step(s, s.projection + token_at(s, at, n), at.head, at.column == 8, h);
  }
  store_state(h, s.maps + map_at<kParts>(s, at, at.chunk, at.column), s.heads);
}

/// h before every chunk of one head. Threads: B H.
template <int kParts, class T>
LIOR_BOTH void scan_starts_at(const Scan<T>& s, Long thread) {
  const Place at = place_of(s, thread, 1, 1);
  State<T, kParts> h =
      load_state<kParts>(s.initial + at.sequence * 8 * kParts * s.heads + at.head, s.heads);
  for (Long chunk = 0; chunk < s.chunks; ++chunk) {
    store_state(h, s.starts + chunk_at<kParts>(s, at, chunk), s.heads);
    State<T, kParts> after = load_state<kParts>(s.maps + map_at<kParts>(s, at, chunk, 8), s.heads);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      State<T, kParts> column =
          load_state<kParts>(s.maps + map_at<kParts>(s, at, chunk, k), s.heads);
      if constexpr (kParts == 2) {
        rotate_by_phase(h.part[0].at[k], h.part[1].at[k], column);
      } else {
        scale(h.part[0].at[k], column);
      }
      add(column, after);
    }
    h = after;
  }
}

/// Every h of one chunk. Threads: B chunks H.
template <int kParts, class T>
LIOR_BOTH void scan_states_at(const Scan<T>& s, Long thread) {
  const Place at = place_of(s, thread, 1, s.chunks);
  const Tokens tokens = tokens_of(s, at.chunk);
  State<T, kParts> h = load_state<kParts>(s.starts + chunk_at<kParts>(s, at, at.chunk), s.heads);
  for (Long n = tokens.first; n < tokens.end; ++n) {
    step(s, s.projection + token_at(s, at, n), at.head, true, h);
    store_state(h, s.states + state_at<kParts>(s, at, n), s.heads);
  }
}

/// What the d_states of one chunk send to its start. Threads: B chunks H.
template <int kParts, class T>
LIOR_BOTH void scan_pulls_at(const Scan<T>& s, Long thread) {
  const Place at = place_of(s, thread, 1, s.chunks);
  const Tokens tokens = tokens_of(s, at.chunk);
  State<T, kParts> g = {};
  for (Long n = tokens.end; n-- > tokens.first;) {
    add(load_state<kParts>(s.d_states + state_at<kParts>(s, at, n), s.heads), g);
    step_back(s, s.projection + token_at(s, at, n), at.head, g);
  }
  store_state(g, s.pulls + chunk_at<kParts>(s, at, at.chunk), s.heads);
}

/// The gradient that later chunks send to the end of each, and d_initial. Threads: B H.
template <int kParts, class T>
LIOR_BOTH void scan_ends_at(const Scan<T>& s, Long thread) {
  const Place at = place_of(s, thread, 1, 1);
  State<T, kParts> g = {};
  for (Long chunk = s.chunks; chunk-- > 0;) {
    store_state(g, s.ends + chunk_at<kParts>(s, at, chunk), s.heads);
    State<T, kParts> before = load_state<kParts>(s.pulls + chunk_at<kParts>(s, at, chunk), s.heads);
#pragma unroll
    for (int k = 0; k < 8; ++k) {  // (M^dagger g)_k
      const State<T, kParts> column =
          load_state<kParts>(s.maps + map_at<kParts>(s, at, chunk, k), s.heads);
#pragma unroll
      for (int p = 0; p < kParts; ++p) before.part[0].at[k] += dot(column.part[p], g.part[p]);
      if constexpr (kParts == 2) {
        before.part[1].at[k] += dot(column.part[0], g.part[1]) - dot(column.part[1], g.part[0]);
      }
    }
    g = before;
  }
  store_state(g, s.d_initial + at.sequence * 8 * kParts * s.heads + at.head, s.heads);
}

/// d_projection of one chunk's tokens, and its part of d_angles. Threads: B chunks H.
template <int kParts, class T>
LIOR_BOTH void scan_gradients_at(const Scan<T>& s, Long thread) {
  const Place at = place_of(s, thread, 1, s.chunks);
  const Tokens tokens = tokens_of(s, at.chunk);
  State<T, kParts> g = load_state<kParts>(s.ends + chunk_at<kParts>(s, at, at.chunk), s.heads);
  Octonion<T> d_angles = {};
  for (Long n = tokens.end; n-- > tokens.first;) {
    add(load_state<kParts>(s.d_states + state_at<kParts>(s, at, n), s.heads), g);
    const T* const before = n > 0 ? s.states + state_at<kParts>(s, at, n - 1)
                                  : s.initial + at.sequence * 8 * kParts * s.heads + at.head;
    gradient_step(s, s.projection + token_at(s, at, n), s.d_projection + token_at(s, at, n),
                  at.head, load_state<kParts>(before, s.heads), g, d_angles);
  }
  store(d_angles, s.d_angles + (at.sequence * s.chunks + at.chunk) * 8 * s.heads + at.head,
        s.heads);
}

}  // namespace lior::cuda
