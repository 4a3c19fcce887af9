// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "lior/core/error.h"
#include "lior/io/hdf5.h"
#include "lior/io/png.h"

namespace lior::io {
namespace {

/// The message of the lior::RunError that `call` throws.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const RunError& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST(WithoutHdf5, EveryDoorSaysWhatIsMissing) {
  const std::string said =
      "a.h5: this lior is built without HDF5; configure it with -DLIOR_HDF5=ON";
  EXPECT_EQ(refusal([] { Hdf5Series series("a.h5"); }), said);
  EXPECT_EQ(refusal([] { RawFrames frames("a.h5"); }), said);
  EXPECT_EQ(refusal([] { read_hdf5("a.h5", "x", {}); }), said);
  EXPECT_EQ(refusal([] { read_hdf5_real("a.h5", "x", {}); }), said);
  EXPECT_EQ(refusal([] { read_hdf5_table("a.h5"); }), said);
  EXPECT_EQ(hdf5_library(), "no HDF5");
}

TEST(WithoutPng, EveryDoorSaysWhatIsMissing) {
  const std::string said =
      "a.png: this lior is built without libpng; configure it with -DLIOR_PNG=ON";
  EXPECT_EQ(refusal([] { write_png("a.png", {}); }), said);
  EXPECT_EQ(refusal([] { read_png("a.png"); }), said);
  EXPECT_EQ(png_library(), "no libpng");
}

}  // namespace
}  // namespace lior::io
