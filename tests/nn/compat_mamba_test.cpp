// SPDX-License-Identifier: Apache-2.0
// The original's recurrence: the reference at every count of sequences and length, one call against
// many, and errors.
#include "lior/nn/compat_mamba.h"

#include <gtest/gtest.h>

#include "nn/strided.h"

namespace lior::nn {
namespace {

template <class T>
class CompatMamba : public testing::Test {
 protected:
  CompatMamba() {
    Random random(1);
    random.fill_normal(theta.span());
    random.fill_normal(omega.span());
    random.fill_uniform(sigma.span(), 0.2, 2.4);  // on both sides of the clamp
  }
  CompatTransition<const T> transition() const {
    return {theta.span(), omega.span(), sigma.span()};
  }

  Array<T, 1> theta{{8}}, omega{{8}}, sigma{{8}};
};
TYPED_TEST_SUITE(CompatMamba, Types);

/// Inputs of B sequences of N steps, and room for what comes out.
template <class T>
struct Sequences {
  Sequences(Index B, Index N) : u({B, N, 16}), invariants({B, N, 8}), state({B, 16}) {
    Random(2).fill_normal(u.span(), 0.7);
    Random(3).fill_normal(state.span());
  }
  Array<T, 3> u, invariants;
  Array<T, 2> state;
};

TYPED_TEST(CompatMamba, IsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index B : {0, 1, 2, 3, 8}) {
    for (const Index N : {0, 1, 2, 33}) {
      Sequences<T> want(B, N);
      reference::compat_recurrence_forward<T>(this->transition(), want.u.view(), want.state.view(),
                                              want.invariants.view());
      on_thread_counts([&](int) {
        Sequences<T> got(B, N);
        compat_recurrence_forward<T>(this->transition(), got.u.view(), got.state.view(),
                                     got.invariants.view());
        // A few roundings a step, of states that grow or fade.
        const double tolerance = 8 * static_cast<double>(N + 1) * kEpsilon<T>;
        EXPECT_LE(difference(got.invariants.span(), want.invariants.span()), tolerance);
        EXPECT_LE(difference(got.state.span(), want.state.span()), tolerance);
      });
    }
  }
}

TYPED_TEST(CompatMamba, CarriesItsStateFromCallToCall) {
  using T = TypeParam;
  const Index N = 12;
  Sequences<T> whole(1, N), parts(1, N);
  compat_recurrence_forward<T>(this->transition(), whole.u.view(), whole.state.view(),
                               whole.invariants.view());
  for (Index n = 0; n < N; ++n) {
    compat_recurrence_forward<T>(this->transition(), {parts.u.data() + 16 * n, {1, 1, 16}},
                                 parts.state.view(), {parts.invariants.data() + 8 * n, {1, 1, 8}});
  }
  EXPECT_EQ(difference(parts.invariants.span(), whole.invariants.span()), 0);
  EXPECT_EQ(difference(parts.state.span(), whole.state.span()), 0);
}

TYPED_TEST(CompatMamba, WrongShapesAreNamed) {
  using T = TypeParam;
  Sequences<T> run(2, 3);
  Array<T, 2> short_state({2, 8});
  EXPECT_EQ(error_of([&] {
              compat_recurrence_forward<T>(this->transition(), run.u.view(), short_state.view(),
                                           run.invariants.view());
            }),
            "state has shape [2, 8]; expected [2, 16]");
  EXPECT_EQ(error_of([&] {
              compat_recurrence_forward<T>(this->transition(), run.u.view(), run.state.view(),
                                           run.u.view());
            }),
            "invariants has shape [2, 3, 16]; expected [2, 3, 8]");
  EXPECT_EQ(error_of([&] {
              CompatTransition<const T> transition = this->transition();
              transition.sigma = transition.sigma.first(7);
              compat_recurrence_forward<T>(transition, run.u.view(), run.state.view(),
                                           run.invariants.view());
            }),
            "sigma has 7 entries; expected 8");
}

}  // namespace
}  // namespace lior::nn
