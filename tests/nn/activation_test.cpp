// SPDX-License-Identifier: Apache-2.0
// Gates and GELU: the references at every length, strided and in place.
#include "lior/nn/activation.h"

#include <gtest/gtest.h>

#include "nn/strided.h"

namespace lior::nn {
namespace {

constexpr Index kRows = 5;

template <class T>
class Activation : public testing::Test {};
TYPED_TEST_SUITE(Activation, Types);

// A few roundings; the references' own 1 - sigmoid and erfc are the larger part.
template <class T>
constexpr double kTolerance = 16 * kEpsilon<T>;

TYPED_TEST(Activation, GateIsTheReferenceAtEveryLength) {
  using T = TypeParam;
  for (const Index F : kLengths) {
    Strided<T> p(kRows, F, 1), g(kRows, F, 2, 4), dy(kRows, F, 3), y(kRows, F, 4);
    Strided<T> dp(kRows, F, 5), dg(kRows, F, 6), y_want(kRows, F, 7);
    Strided<T> dp_want(kRows, F, 8), dg_want(kRows, F, 9);
    gate_forward<T>(p, g, y);
    gate_backward<T>(p, g, dy, dp, dg);
    reference::gate_forward<T>(p, g, y_want);
    reference::gate_backward<T>(p, g, dy, dp_want, dg_want);
    EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>) << "F=" << F;
    EXPECT_LE(difference(dp.view(), dp_want.view()), kTolerance<T>) << "F=" << F;
    EXPECT_LE(difference(dg.view(), dg_want.view()), kTolerance<T>) << "F=" << F;
    EXPECT_TRUE(y.margins_are_whole() && dp.margins_are_whole() && dg.margins_are_whole());

    gate_backward<T>(p, g, dy, p, g);  // in place
    EXPECT_EQ(difference(p.view(), dp.view()), 0);
    EXPECT_EQ(difference(g.view(), dg.view()), 0);
  }
}

TYPED_TEST(Activation, SwigluIsAGateOnItsHalves) {
  using T = TypeParam;
  const Index F = 19;
  Strided<T> ab(kRows, 2 * F, 1), dy(kRows, F, 2), y(kRows, F, 3), y_want(kRows, F, 4);
  Strided<T> d_ab(kRows, 2 * F, 5), d_ab_want(kRows, 2 * F, 6);
  const auto a = ab.view().block(0, 0, kRows, F), b = ab.view().block(0, F, kRows, F);
  swiglu_forward<T>(ab, y);
  swiglu_backward<T>(ab, dy, d_ab);
  reference::gate_forward<T>(b, a, y_want);
  reference::gate_backward<T>(b, a, dy, d_ab_want.view().block(0, F, kRows, F),
                              d_ab_want.view().block(0, 0, kRows, F));
  EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>);
  EXPECT_LE(difference(d_ab.view(), d_ab_want.view()), kTolerance<T>);
}

TYPED_TEST(Activation, GeluIsTheReferenceAtEveryLength) {
  using T = TypeParam;
  for (const Index F : kLengths) {
    Strided<T> x(kRows, F, 1, 3), dy(kRows, F, 2), y(kRows, F, 3), dx(kRows, F, 4);
    Strided<T> y_want(kRows, F, 5), dx_want(kRows, F, 6);
    gelu_forward<T>(x, y);
    gelu_backward<T>(x, dy, dx);
    reference::gelu_forward<T>(x, y_want);
    reference::gelu_backward<T>(x, dy, dx_want);
    EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>) << "F=" << F;
    EXPECT_LE(difference(dx.view(), dx_want.view()), kTolerance<T>) << "F=" << F;
    EXPECT_TRUE(y.margins_are_whole() && dx.margins_are_whole());
  }
}

TYPED_TEST(Activation, LargeArgumentsSaturate) {
  using T = TypeParam;
  Array<T, 2> p({1, 2}), g({1, 2}), y({1, 2}), dp({1, 2}), dg({1, 2});
  p(0, 0) = p(0, 1) = 1, g(0, 0) = 1000, g(0, 1) = -1000;
  gate_forward<T>(p.view(), g.view(), y.view());
  EXPECT_EQ(y(0, 0), 1000);
  EXPECT_EQ(y(0, 1), 0);
  gate_backward<T>(p.view(), g.view(), p.view(), dp.view(), dg.view());
  EXPECT_EQ(dg(0, 0), 1);
  EXPECT_EQ(dg(0, 1), 0);
  gelu_forward<T>(g.view(), y.view());
  EXPECT_EQ(y(0, 0), 1000);
  EXPECT_EQ(y(0, 1), 0);
}

TYPED_TEST(Activation, WrongShapesAreNamed) {
  using T = TypeParam;
  Strided<T> six(3, 6, 1), five(3, 5, 2);
  EXPECT_EQ(error_of([&] { gate_forward<T>(six, five, six); }), "g is 3 x 5; expected 3 x 6");
  EXPECT_EQ(error_of([&] { swiglu_forward<T>(six, five); }), "ab is 3 x 6; expected 3 x 10");
  EXPECT_EQ(error_of([&] { gelu_backward<T>(six, six, five); }), "dx is 3 x 5; expected 3 x 6");
}

}  // namespace
}  // namespace lior::nn
