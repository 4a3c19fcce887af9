// SPDX-License-Identifier: Apache-2.0
#pragma once
// The memory of sequences for CUDA, and its gradient: docs/math/conventions.md, section 7.2.
//
//   y_n = w0 x_n + Re sum_j b_j m_n,   m_n = z_j m_{n-1} + x_n
//
// Chunks of tokens run side by side. In a chunk, y is a triangular matrix times x, and a matrix
// times the rows m that it starts from; a thread per pole goes from chunk to chunk. The matrices
// are small, the same for all sequences, and made, and differentiated, in torch
// (lior.torch.cuda.memory.tables). Rows are those of a state: one a real pole, the last pole's real
// and imaginary part. All but x and y is double: poles are next to 1. Threads side by side have
// neighbouring channels.

#include "octonion.cuh"

namespace lior::cuda {

constexpr int kChunk = 32;  // tokens; CHUNK of memory.py

/// What all kernels are given; what one does not read may be null. R rows of P = R - 1 poles.
template <class T>
struct Memory {
  Long batch, length, heads, channels, rows, chunks;
  const double* within;   ///< [H, 32, 32]: what token j, the second index, adds to y of token i
  const double* later;    ///< [H, R, 32]: what a row at the start adds to y of token i
  const double* powers;   ///< [H, R, 33]: z^(32 - i), real and imaginary part of the last pole's
  const T* x;             ///< [B, N, H, C]
  const double* initial;  ///< [B, H, R, C], or null: zeros
  double* starts;         ///< [B, chunks, H, R, C]: of a chunk's x alone, then m before each chunk
  double* last;           ///< [B, H, R, C]: m after all, or null
  T* y;                   ///< [B, N, H, C]
  const T* dy;            ///< [B, N, H, C]
  double* ends;           ///< [B, chunks, H, R, C]: the gradient of m after each chunk
  T* dx;                  ///< [B, N, H, C]
};

/// One channel of a chunk.
struct Channel {
  Long head, tokens;
  Long token;  ///< its first, in x; the next is H C further
  Long row;    ///< its first, in starts; the next is C further
};
template <class T>
LIOR_BOTH Channel channel_of(const Memory<T>& s, Long thread) {
  const Long c = thread % s.channels, h = thread / s.channels % s.heads;
  const Long chunk = thread / s.channels / s.heads % s.chunks;
  const Long b = thread / s.channels / s.heads / s.chunks;
  const Long first = chunk * kChunk, left = s.length - first;
  return {h, left < kChunk ? left : kChunk, ((b * s.length + first) * s.heads + h) * s.channels + c,
          ((b * s.chunks + chunk) * s.heads + h) * s.rows * s.channels + c};
}

/// The rows that a chunk's own x makes at its end. Threads: B chunks H C.
template <class T>
LIOR_BOTH void memory_sums_at(const Memory<T>& s, Long thread) {
  const Channel at = channel_of(s, thread);
  double x[kChunk];  // the last token is the last here
#pragma unroll
  for (int i = 0; i < kChunk; ++i) {
    const Long n = i - kChunk + at.tokens;
    x[i] = n < 0 ? 0 : static_cast<double>(s.x[at.token + n * s.heads * s.channels]);
  }
  for (Long r = 0; r < s.rows; ++r) {
    const double* power = s.powers + (at.head * s.rows + r) * (kChunk + 1) + 1;
    double sum = 0;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum += power[i] * x[i];
    s.starts[at.row + r * s.channels] = sum;
  }
}

/// One channel of a pole: a row, or the last two.
struct Pole {
  Long head, state, row;  ///< its place in a state, and in the first chunk's rows
  bool turns;             ///< it has two rows, the second C further
};
template <class T>
LIOR_BOTH Pole pole_of(const Memory<T>& s, Long thread) {
  const Long poles = s.rows - 1, c = thread % s.channels, p = thread / s.channels % poles;
  const Long h = thread / s.channels / poles % s.heads, b = thread / s.channels / poles / s.heads;
  const auto place = [&](Long sequence) {
    return ((sequence * s.heads + h) * s.rows + p) * s.channels + c;
  };
  return {h, place(b), place(b * s.chunks), p + 1 == poles};
}
/// z^n of it, n the tokens of a chunk.
template <class T>
LIOR_BOTH void carry_of(const Memory<T>& s, const Pole& pole, Long thread, Long chunk, double& re,
                        double& im) {
  const Long left = s.length - chunk * kChunk, tokens = left < kChunk ? left : kChunk;
  const Long p = thread / s.channels % (s.rows - 1);
  const double* power = s.powers + (pole.head * s.rows + p) * (kChunk + 1) + kChunk - tokens;
  re = power[0];
  im = pole.turns ? power[kChunk + 1] : 0;
}

/// From what each chunk adds to the rows before it. Threads: B H P C.
template <class T>
LIOR_BOTH void memory_starts_at(const Memory<T>& s, Long thread) {
  const Pole pole = pole_of(s, thread);
  const Long C = s.channels, of_chunk = s.heads * s.rows * C;
  double m = 0, other = 0;
  if (s.initial != nullptr) {
    m = s.initial[pole.state];
    if (pole.turns) other = s.initial[pole.state + C];
  }
  for (Long k = 0; k < s.chunks; ++k) {
    double* row = s.starts + pole.row + k * of_chunk;
    double re, im;
    carry_of(s, pole, thread, k, re, im);
    const double before = m, added = row[0];
    row[0] = m;
    m = re * m - im * other + added;
    if (pole.turns) {
      const double also = row[C];
      row[C] = other;
      other = re * other + im * before + also;
    }
  }
  if (s.last == nullptr) return;
  s.last[pole.state] = m;
  if (pole.turns) s.last[pole.state + C] = other;
}

/// y. Threads: B chunks H C.
template <class T>
LIOR_BOTH void memory_values_at(const Memory<T>& s, Long thread) {
  const Channel at = channel_of(s, thread);
  const Long next = s.heads * s.channels;
  double y[kChunk] = {};
  for (Long r = 0; r < s.rows; ++r) {
    const double* later = s.later + (at.head * s.rows + r) * kChunk;
    const double start = s.starts[at.row + r * s.channels];
#pragma unroll
    for (int i = 0; i < kChunk; ++i) y[i] += later[i] * start;
  }
  const double* within = s.within + at.head * kChunk * kChunk;
#pragma unroll 1  // all at once would spill
  for (int j = 0; j < at.tokens; ++j) {
    const double x = s.x[at.token + j * next];
#pragma unroll
    for (int i = 0; i < kChunk; ++i) y[i] += i < j ? 0 : within[i * kChunk + j] * x;
  }
#pragma unroll
  for (int i = 0; i < kChunk; ++i) {
    if (i < at.tokens) s.y[at.token + i * next] = static_cast<T>(y[i]);
  }
}

/// What a chunk's dy sends to the rows before it. Threads: B chunks H C.
template <class T>
LIOR_BOTH void memory_pulls_at(const Memory<T>& s, Long thread) {
  const Channel at = channel_of(s, thread);
  double dy[kChunk];
#pragma unroll
  for (int i = 0; i < kChunk; ++i) {
    dy[i] = i < at.tokens ? static_cast<double>(s.dy[at.token + i * s.heads * s.channels]) : 0;
  }
  for (Long r = 0; r < s.rows; ++r) {
    const double* later = s.later + (at.head * s.rows + r) * kChunk;
    double sum = 0;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum += later[i] * dy[i];
    s.ends[at.row + r * s.channels] = sum;
  }
}

/// From these to the gradient of the rows after each chunk. Threads: B H P C.
template <class T>
LIOR_BOTH void memory_ends_at(const Memory<T>& s, Long thread) {
  const Pole pole = pole_of(s, thread);
  const Long C = s.channels, of_chunk = s.heads * s.rows * C;
  double d = 0, other = 0;
  for (Long k = s.chunks; k-- > 0;) {
    double* row = s.ends + pole.row + k * of_chunk;
    double re, im;
    carry_of(s, pole, thread, k, re, im);
    const double after = d, pulled = row[0];
    row[0] = d;
    d = re * d + im * other + pulled;
    if (pole.turns) {
      const double also = row[C];
      row[C] = other;
      other = re * other - im * after + also;
    }
  }
}

/// dx. Threads: B chunks H C.
template <class T>
LIOR_BOTH void memory_gradients_at(const Memory<T>& s, Long thread) {
  const Channel at = channel_of(s, thread);
  const Long next = s.heads * s.channels;
  double dx[kChunk] = {};
  if (at.tokens == kChunk) {  // nothing comes after a shorter one
    for (Long r = 0; r < s.rows; ++r) {
      const double* power = s.powers + (at.head * s.rows + r) * (kChunk + 1) + 1;
      const double end = s.ends[at.row + r * s.channels];
#pragma unroll
      for (int i = 0; i < kChunk; ++i) dx[i] += power[i] * end;
    }
  }
  const double* within = s.within + at.head * kChunk * kChunk;
#pragma unroll 1
  for (int j = 0; j < at.tokens; ++j) {
    const double dy = s.dy[at.token + j * next];
#pragma unroll
    for (int i = 0; i < kChunk; ++i) dx[i] += i > j ? 0 : within[j * kChunk + i] * dy;
  }
#pragma unroll
  for (int i = 0; i < kChunk; ++i) {
    if (i < at.tokens) s.dx[at.token + i * next] = static_cast<T>(dx[i]);
  }
}

}  // namespace lior::cuda
