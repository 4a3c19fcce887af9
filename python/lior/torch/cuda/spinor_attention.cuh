// SPDX-License-Identifier: Apache-2.0
#pragma once
// Causal attention by spinor scores, and its gradient: docs/math/conventions.md, section 10.
//
//   out_i = sum_j a_ij v_j,   a_ij = e^{s_ij - L_i},   i - W < j <= i
//   s_ij = (l1 p + l2 w + l3 (p^2 + w^2)/8 + l4 c)/sqrt 8,
//   p + i w = z_i^dagger z_j,   c = Re z_i^T z_j
//
// A thread has one query, or on the way back one key, and goes over what it sees: no array of N^2
// numbers. Threads side by side have neighbouring positions of one head, and read the same keys.

#include "octonion.cuh"

namespace lior::cuda {

/// What all kernels are given; what one does not read may be null.
template <class T>
struct Spinors {
  Long batch, length, heads;
  Long window;          ///< positions that a query sees, its own among them; 0: all
  const T* z;           ///< [B, N, 16 H]: of each head 8 real parts, then 8 imaginary ones
  const T* v;           ///< [B, N, 16 H]
  const T* mix;         ///< [H, 4]: l1..l4
  T* attended;          ///< [B, N, 16 H]
  T* log_sums;          ///< [B, H, N]: L
  const T* d_attended;  ///< [B, N, 16 H]
  T* d_queries;         ///< [B, N, 16 H]: the part of dz that comes through queries
  T* dz;                ///< [B, N, 16 H]
  T* dv;                ///< [B, N, 16 H]
  T* d_mix;             ///< [B, H, N, 4]: of each query
};

template <class T>
using Spinor = State<T, 2>;

/// p, w and c of a query and a key.
template <class T>
struct Products {
  T p, w, c;
};
template <class T>
LIOR_BOTH Products<T> products_of(const Spinor<T>& query, const Spinor<T>& key) {
  const T re = dot(query.part[0], key.part[0]), im = dot(query.part[1], key.part[1]);
  return {re + im, dot(query.part[0], key.part[1]) - dot(query.part[1], key.part[0]), re - im};
}

/// l1, l2, l3/8 and l4, all over sqrt 8.
template <class T>
struct Mix {
  T tensor, wedge, spinor, contraction;

  LIOR_BOTH T score(const Products<T>& of) const {
    return tensor * of.p + wedge * of.w + spinor * (of.p * of.p + of.w * of.w) + contraction * of.c;
  }
  /// The gradient of p, w and c, of a score's.
  LIOR_BOTH Products<T> gradient(const Products<T>& of, T d) const {
    return {d * (tensor + 2 * spinor * of.p), d * (wedge + 2 * spinor * of.w), d * contraction};
  }
};
template <class T>
LIOR_BOTH Mix<T> mix_of(const Spinors<T>& s, Long head) {
  const T scale = 1 / sqrt(T(8));
  const T* const l = s.mix + 4 * head;
  return {l[0] * scale, l[1] * scale, l[2] * scale / 8, l[3] * scale};
}

/// Position, head and sequence of a thread, positions innermost.
struct Row {
  Long position, head, sequence;
};
template <class T>
LIOR_BOTH Row row_of(const Spinors<T>& s, Long thread) {
  const Long rest = thread / s.length;
  return {thread % s.length, rest % s.heads, rest / s.heads};
}
/// Where the 16 numbers of a position of the same head and sequence begin.
template <class T>
LIOR_BOTH Long spinor_at(const Spinors<T>& s, const Row& row, Long position) {
  return ((row.sequence * s.length + position) * s.heads + row.head) * 16;
}
template <class T>
LIOR_BOTH Long sum_at(const Spinors<T>& s, const Row& row, Long position) {
  return (row.sequence * s.heads + row.head) * s.length + position;
}
template <class T>
LIOR_BOTH Long first_seen(const Spinors<T>& s, Long position) {
  return s.window > 0 && position >= s.window ? position - s.window + 1 : 0;
}
template <class T>
LIOR_BOTH Long past_last_seeing(const Spinors<T>& s, Long position) {
  const Long end = position + s.window;
  return s.window > 0 && end < s.length ? end : s.length;
}

template <class T>
LIOR_BOTH Spinor<T> spinor_of(const T* from) {
  return load_state<2>(from, Long{1});
}
template <class T>
LIOR_BOTH T dot(const Spinor<T>& x, const Spinor<T>& y) {
  return dot(x.part[0], y.part[0]) + dot(x.part[1], y.part[1]);
}
/// to += factor x
template <class T>
LIOR_BOTH void add_times(T factor, const Spinor<T>& x, Spinor<T>& to) {
#pragma unroll
  for (int p = 0; p < 2; ++p) {
#pragma unroll
    for (int k = 0; k < 8; ++k) to.part[p].at[k] += factor * x.part[p].at[k];
  }
}

/// Threads: B H N, a query each; a running maximum and sum.
template <class T>
LIOR_BOTH void attention_forward_at(const Spinors<T>& s, Long thread) {
  const Row row = row_of(s, thread);
  const Mix<T> mix = mix_of(s, row.head);
  const Spinor<T> query = spinor_of(s.z + spinor_at(s, row, row.position));
  const Long first = first_seen(s, row.position);
  Spinor<T> sum = spinor_of(s.v + spinor_at(s, row, first));
  T largest = mix.score(products_of(query, spinor_of(s.z + spinor_at(s, row, first)))), total = 1;
  for (Long j = first + 1; j <= row.position; ++j) {
    const Long at = spinor_at(s, row, j);
    const T score = mix.score(products_of(query, spinor_of(s.z + at)));
    if (score > largest) {
      const T fall = exp(largest - score);
      scale(fall, sum);
      total *= fall;
      largest = score;
    }
    const T weight = exp(score - largest);
    total += weight;
    add_times(weight, spinor_of(s.v + at), sum);
  }
  scale(1 / total, sum);
  store_state(sum, s.attended + spinor_at(s, row, row.position), Long{1});
  s.log_sums[sum_at(s, row, row.position)] = largest + log(total);
}

/// a_ij and the gradient of s_ij.
template <class T>
struct Pair {
  T weight, d_score;
};
template <class T>
LIOR_BOTH Pair<T> pair_of(T score, T log_sum, const Spinor<T>& value, const Spinor<T>& d_out,
                          T d_out_dot_out) {
  const T weight = exp(score - log_sum);
  return {weight, weight * (dot(d_out, value) - d_out_dot_out)};
}

/// The part of dz that comes through a query, and its part of d_mix. Threads: B H N.
template <class T>
LIOR_BOTH void attention_queries_at(const Spinors<T>& s, Long thread) {
  const Row row = row_of(s, thread);
  const Mix<T> mix = mix_of(s, row.head);
  const Long own = spinor_at(s, row, row.position), of_sums = sum_at(s, row, row.position);
  const Spinor<T> query = spinor_of(s.z + own), d_out = spinor_of(s.d_attended + own);
  const T along = dot(d_out, spinor_of(static_cast<const T*>(s.attended) + own));
  const T log_sum = s.log_sums[of_sums];
  Spinor<T> d_query = {};
  T l1 = 0, l2 = 0, l3 = 0, l4 = 0;
  for (Long j = first_seen(s, row.position); j <= row.position; ++j) {
    const Spinor<T> key = spinor_of(s.z + spinor_at(s, row, j));
    const Products<T> of = products_of(query, key);
    const Spinor<T> value = spinor_of(s.v + spinor_at(s, row, j));
    const T d = pair_of(mix.score(of), log_sum, value, d_out, along).d_score;
    l1 += d * of.p, l2 += d * of.w, l3 += d * (of.p * of.p + of.w * of.w), l4 += d * of.c;
    const Products<T> g = mix.gradient(of, d);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const T re = key.part[0].at[k], im = key.part[1].at[k];
      d_query.part[0].at[k] += (g.p + g.c) * re + g.w * im;
      d_query.part[1].at[k] += (g.p - g.c) * im - g.w * re;
    }
  }
  store_state(d_query, s.d_queries + own, Long{1});
  const T factor = 1 / sqrt(T(8));
  T* const d_mix = s.d_mix + 4 * of_sums;
  d_mix[0] = factor * l1, d_mix[1] = factor * l2;
  d_mix[2] = factor * l3 / 8, d_mix[3] = factor * l4;
}

/// dv of a key, and dz, with what came through its position's query. Threads: B H N.
template <class T>
LIOR_BOTH void attention_keys_at(const Spinors<T>& s, Long thread) {
  const Row row = row_of(s, thread);
  const Mix<T> mix = mix_of(s, row.head);
  const Long own = spinor_at(s, row, row.position);
  const Spinor<T> key = spinor_of(s.z + own), value = spinor_of(s.v + own);
  Spinor<T> d_key = spinor_of(static_cast<const T*>(s.d_queries) + own), d_value = {};
  for (Long i = row.position; i < past_last_seeing(s, row.position); ++i) {
    const Long at = spinor_at(s, row, i);
    const Spinor<T> query = spinor_of(s.z + at), d_out = spinor_of(s.d_attended + at);
    const T along = dot(d_out, spinor_of(static_cast<const T*>(s.attended) + at));
    const Products<T> of = products_of(query, key);
    const Pair<T> pair = pair_of(mix.score(of), s.log_sums[sum_at(s, row, i)], value, d_out, along);
    add_times(pair.weight, d_out, d_value);
    const Products<T> g = mix.gradient(of, pair.d_score);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const T re = query.part[0].at[k], im = query.part[1].at[k];
      d_key.part[0].at[k] += (g.p + g.c) * re - g.w * im;
      d_key.part[1].at[k] += (g.p - g.c) * im + g.w * re;
    }
  }
  store_state(d_key, s.dz + own, Long{1});
  store_state(d_value, s.dv + own, Long{1});
}

}  // namespace lior::cuda
