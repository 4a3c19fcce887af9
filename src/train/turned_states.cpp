// SPDX-License-Identifier: Apache-2.0
#include "train/turned_states.h"

#include <cmath>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/worst.h"
#include "lior/linalg/small_matrix.h"

namespace lior::train {
namespace {

using algebra::Octonion;
using algebra::Transition;
using Matrix8 = std::array<std::array<double, 8>, 8>;
using Vector8 = Octonion<double>;

constexpr Matrix8 kIdentity =
    algebra::operator_matrix(Transition::left, algebra::basis_octonion<double>(0));

Matrix8 operator*(const Matrix8& a, const Matrix8& b) {
  Matrix8 product{};
  for (int i = 0; i < 8; ++i) {
    for (int k = 0; k < 8; ++k) {
      for (int j = 0; j < 8; ++j) product[i][j] += a[i][k] * b[k][j];
    }
  }
  return product;
}

/// <A, B> = sum_ij A_ij B_ij.
double dot(const Matrix8& a, const Matrix8& b) {
  double sum = 0;
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) sum += a[i][j] * b[i][j];
  }
  return sum;
}

void add(Matrix8& sum, double scale, const Matrix8& a) {
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) sum[i][j] += scale * a[i][j];
  }
}

Vector8 turned(const Matrix8& f, const Vector8& x) {
  Vector8 y;
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) y.e[i] += f[i][j] * x.e[j];
  }
  return y;
}

/// F^T x.
Vector8 turned_back(const Matrix8& f, const Vector8& x) {
  Vector8 y;
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) y.e[j] += f[i][j] * x.e[i];
  }
  return y;
}

void add(Vector8& sum, double scale, const Vector8& x) {
  for (int i = 0; i < 8; ++i) sum.e[i] += scale * x.e[i];
}

void add_outer(Matrix8& sum, double scale, const Vector8& y, const Vector8& x) {
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) sum[i][j] += scale * y.e[i] * x.e[j];
  }
}

Vector8 unit(Vector8 x) {
  const double norm = std::sqrt(algebra::dot(x, x));
  if (norm == 0) return algebra::basis_octonion<double>(0);
  for (double& component : x.e) component /= norm;
  return x;
}

double sign_of(double x) { return x < 0 ? -1 : 1; }

Matrix8 product(Transition transition, std::span<const Vector8> factors) {
  Matrix8 f = kIdentity;
  for (const Vector8& u : factors) f = algebra::operator_matrix(transition, u) * f;
  return f;
}

/// The derivative of F_u along e_c: R and L are linear in u, B_u x = 2 u (u . conj(x)) - conj(x).
Matrix8 derivative(Transition transition, const Vector8& u, int c) {
  const auto e = algebra::basis_octonion<double>(c);
  if (transition != Transition::two_sided) return algebra::operator_matrix(transition, e);
  Matrix8 d{};
  add_outer(d, 2, e, algebra::conjugate(u));
  add_outer(d, 2, u, algebra::conjugate(e));
  return d;
}

/// One letter's factors and what they should do: F = F(u_1 .. u_k) minimises
/// sum_s |F x_s - y_s|^2 = constant - 2 <F, C>, with C = sum y x^T, since F is orthogonal.
class LetterFit {
 public:
  LetterFit(Transition transition, const Matrix8& gram, const Matrix8& cross)
      : transition_(transition), gram_(gram), cross_(cross) {}

  /// A step on the spheres of the factors; none where no damping makes one that is better.
  void improve(std::span<Vector8> factors) const {
    const auto n = static_cast<Index>(8 * factors.size());
    const std::vector<Matrix8> jacobian = derivatives(factors);
    const double before = dot(product(transition_, factors), cross_);
    Array<double, 2> normal({n, n});
    Array<double, 1> gradient({n});
    double trace = 0;
    for (Index a = 0; a < n; ++a) {
      const Matrix8& d = jacobian[static_cast<std::size_t>(a)];
      const Matrix8 d_gram = d * gram_;
      for (Index b = 0; b <= a; ++b) {
        normal(a, b) = dot(d_gram, jacobian[static_cast<std::size_t>(b)]);
      }
      gradient(a) = dot(d, cross_);
      trace += normal(a, a);
    }
    constexpr double kSmallestDamping = 1e-8, kLargestDamping = 1;
    constexpr double kRounding = 1e-12;  // of the sums: near the solution they stand still
    for (double damping = kSmallestDamping; damping <= kLargestDamping; damping *= 100) {
      const std::vector<Vector8> moved =
          step(factors, normal.view(), gradient.span(), damping * trace);
      if (moved.empty() ||
          dot(product(transition_, moved), cross_) < before - kRounding * std::abs(before))
        continue;
      std::copy(moved.begin(), moved.end(), factors.begin());
      return;
    }
  }

 private:
  /// dF along each component of each factor, with the part that would change its length taken away.
  std::vector<Matrix8> derivatives(std::span<const Vector8> factors) const {
    std::vector<Matrix8> all;
    Matrix8 before = kIdentity;
    for (std::size_t f = 0; f < factors.size(); ++f) {
      const Vector8& u = factors[f];
      const Matrix8 after = product(transition_, factors.subspan(f + 1));
      std::array<Matrix8, 8> of_factor;
      Matrix8 along{};
      for (int c = 0; c < 8; ++c) {
        of_factor[c] = after * derivative(transition_, u, c) * before;
        add(along, u.e[c], of_factor[c]);
      }
      for (int c = 0; c < 8; ++c) add(of_factor[c], -u.e[c], along);
      all.insert(all.end(), of_factor.begin(), of_factor.end());
      before = algebra::operator_matrix(transition_, u) * before;
    }
    return all;
  }

  static std::vector<Vector8> step(std::span<const Vector8> factors, View<const double, 2> normal,
                                   std::span<const double> gradient, double damping) {
    Array<double, 2> system(normal.shape());
    std::copy(normal.begin(), normal.end(), system.data());
    for (Index a = 0; a < normal.extent(0); ++a) system(a, a) += damping;
    std::vector<double> moves(gradient.begin(), gradient.end());
    if (linalg::cholesky(system.view())) return {};
    linalg::cholesky_solve<double>(system.view(), moves);
    std::vector<Vector8> moved(factors.begin(), factors.end());
    for (std::size_t i = 0; i < moves.size(); ++i) moved[i / 8].e[i % 8] += moves[i];
    for (Vector8& u : moved) u = unit(u);
    return moved;
  }

  Transition transition_;
  const Matrix8& gram_;
  const Matrix8& cross_;
};

/// The rounds of make_exact.
class Rounds {
 public:
  Rounds(const Automaton& automaton, TurnedStates& head)
      : automaton_(automaton),
        head_(head),
        maps_(at(automaton.letters)),
        moved_(at(automaton.letters * automaton.states)) {
    update_maps();
    update_moved();
  }

  Index run() {
    constexpr Index kPatience = 30;  // rounds in which the deviation has not halved
    double best = deviation().largest, last = best;
    Index round = 0, since = 0;
    while (best > kExactDeviation && since < kPatience) {
      const std::vector<Vector8> before = head_.points;
      fit_turns();
      fit_points();
      ++round, ++since;
      const double now = deviation().largest;
      if (now <= best / 2) best = now, since = 0;
      if (best <= kExactDeviation || since == kPatience) break;
      if (now < last) extrapolate(before);
      last = now;
    }
    return round;
  }

  Deviation deviation() const {
    Worst<double> worst;
    double sum = 0;
    for (std::int32_t letter = 0; letter < automaton_.letters; ++letter) {
      for (std::int32_t state = 0; state < automaton_.states; ++state) {
        Vector8 difference = moved(state, letter);
        add(difference, -sign(state, letter), to(state, letter));
        const double square = algebra::dot(difference, difference);
        worst.add(std::sqrt(square));
        sum += square;
      }
    }
    return {worst.value(), std::sqrt(sum / static_cast<double>(moved_.size()))};
  }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  const Vector8& to(std::int32_t state, std::int32_t letter) const {
    return head_.points[at(automaton_.after(state, letter))];
  }
  /// F_t x_s, of update_moved().
  const Vector8& moved(std::int32_t state, std::int32_t letter) const {
    return moved_[at(letter * automaton_.states + state)];
  }
  double sign(std::int32_t state, std::int32_t letter) const {
    return sign_of(algebra::dot(moved(state, letter), to(state, letter)));
  }
  std::span<Vector8> factors(std::int32_t letter) {
    return std::span(head_.turns).subspan(at(letter * head_.factors), at(head_.factors));
  }
  void update_maps() {
    for (std::int32_t letter = 0; letter < automaton_.letters; ++letter) {
      maps_[at(letter)] = product(head_.transition, factors(letter));
    }
  }
  void update_moved() {
    for (Index letter = 0; letter < automaton_.letters; ++letter) {
      for (Index state = 0; state < automaton_.states; ++state) {
        moved_[at(letter * automaton_.states + state)] =
            turned(maps_[at(letter)], head_.points[at(state)]);
      }
    }
  }

  void fit_turns() {
    Matrix8 gram{};
    for (const Vector8& x : head_.points) add_outer(gram, 1, x, x);
    parallel_for(automaton_.letters, 1, [&](Index begin, Index end, int) {
      for (auto letter = static_cast<std::int32_t>(begin); letter < end; ++letter) {
        Matrix8 cross{};
        for (std::int32_t state = 0; state < automaton_.states; ++state) {
          add_outer(cross, sign(state, letter), to(state, letter), head_.points[at(state)]);
        }
        LetterFit(head_.transition, gram, cross).improve(factors(letter));
      }
    });
    update_maps();
    update_moved();
  }

  void fit_points() {
    std::vector<Vector8> sums(head_.points.size());
    for (std::int32_t letter = 0; letter < automaton_.letters; ++letter) {
      for (std::int32_t state = 0; state < automaton_.states; ++state) {
        const double s = sign(state, letter);
        add(sums[at(automaton_.after(state, letter))], s, moved(state, letter));
        add(sums[at(state)], s, turned_back(maps_[at(letter)], to(state, letter)));
      }
    }
    for (std::size_t state = 0; state < sums.size(); ++state) {
      head_.points[state] = unit(sums[state]);
    }
    update_moved();
  }

  /// Goes on in the direction of the round. What an alternation leaves shrinks by one factor a
  /// round, for S5's four factors by .99; with momentum by .9.
  void extrapolate(const std::vector<Vector8>& before) {
    constexpr double kMomentum = 0.8;
    for (std::size_t state = 0; state < before.size(); ++state) {
      Vector8& x = head_.points[state];
      const Vector8 step = x - before[state];
      add(x, kMomentum, step);
      x = unit(x);
    }
    update_moved();
  }

  const Automaton& automaton_;
  TurnedStates& head_;
  std::vector<Matrix8> maps_;   // F_t of each letter
  std::vector<Vector8> moved_;  // [letters, states]
};

}  // namespace

Deviation deviation(const Automaton& automaton, const TurnedStates& head) {
  TurnedStates copy = head;
  return Rounds(automaton, copy).deviation();
}

Index make_exact(const Automaton& automaton, TurnedStates& head) {
  return Rounds(automaton, head).run();
}

}  // namespace lior::train
