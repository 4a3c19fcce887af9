// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Quaternions: one at a time as a value, many at a time as planes [4, N], and the rotations of
/// three-dimensional vectors that unit quaternions are.
///
/// q = w + x i + y j + z k with i^2 = j^2 = k^2 = i j k = -1 (Hamilton's product). Associative;
/// |p q| = |p| |q|. Source: docs/math/conventions.md, section 3.

#include <array>

#include "lior/core/view.h"

namespace lior::algebra {

/// One quaternion, w its real part.
template <class T>
struct Quaternion {
  T w{}, x{}, y{}, z{};
};

/// p q: i j = k, j k = i, k i = j.
template <class T>
constexpr Quaternion<T> operator*(const Quaternion<T>& p, const Quaternion<T>& q) {
  return {p.w * q.w - p.x * q.x - p.y * q.y - p.z * q.z,  //
          p.w * q.x + p.x * q.w + p.y * q.z - p.z * q.y,  //
          p.w * q.y - p.x * q.z + p.y * q.w + p.z * q.x,  //
          p.w * q.z + p.x * q.y - p.y * q.x + p.z * q.w};
}

template <class T>
constexpr Quaternion<T> operator+(const Quaternion<T>& p, const Quaternion<T>& q) {
  return {p.w + q.w, p.x + q.x, p.y + q.y, p.z + q.z};
}

template <class T>
constexpr Quaternion<T> operator-(const Quaternion<T>& p, const Quaternion<T>& q) {
  return {p.w - q.w, p.x - q.x, p.y - q.y, p.z - q.z};
}

/// Flips i, j, k.
template <class T>
constexpr Quaternion<T> conjugate(const Quaternion<T>& q) {
  return {q.w, -q.x, -q.y, -q.z};
}

/// q v conj(q) for unit q = cos(t/2) + sin(t/2) axis: v turned by t about the axis, right-handed.
template <class T>
constexpr std::array<T, 3> rotate(const Quaternion<T>& q, const std::array<T, 3>& v) {
  const Quaternion<T> turned = q * Quaternion<T>{T(0), v[0], v[1], v[2]} * conjugate(q);
  return {turned.x, turned.y, turned.z};
}

/// out_n = p_n q_n. p, q, out: [4, N], N >= 0; `out` may be p or q.
///
/// Cost: 16 multiply-adds and 12 numbers moved a point; bound by memory.
/// Accuracy: |error| <= 4 eps |p| |q| a component. Threads over points; bit-equal across thread
/// counts. NaN and Inf pass through. Throws lior::Error when the shapes differ.
template <class T>
void quaternion_multiply(View<const T, 2> p, View<const T, 2> q, View<T, 2> out);

/// out_n = q_n v_n conj(q_n), by v + 2 r x (r x v + w v), r = (x, y, z): right for unit q only.
/// q: [4, N]; v, out: [3, N]; `out` may be v.
///
/// Cost: 18 multiply-adds and 10 numbers moved a point; bound by memory.
/// Accuracy: |error| <= 16 eps |v| a component. Threads, NaN and errors as above; throws
/// lior::Error that names a quaternion for which | |q|^2 - 1 | > sqrt(eps), `out` then being half
/// written.
template <class T>
void quaternion_rotate(View<const T, 2> q, View<const T, 2> v, View<T, 2> out);

namespace reference {
/// The same by the formulas above, one point at a time.
template <class T>
void quaternion_multiply(View<const T, 2> p, View<const T, 2> q, View<T, 2> out);
template <class T>
void quaternion_rotate(View<const T, 2> q, View<const T, 2> v, View<T, 2> out);
}  // namespace reference

}  // namespace lior::algebra
