// SPDX-License-Identifier: Apache-2.0
#include "lior/io/safetensors.h"

#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/error_of.h"
#include "support/small_disk.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

template <class T>
NamedTensor tensor(std::string name, const std::vector<T>& data) {
  return named_tensor<T>(std::move(name), data, {static_cast<Index>(data.size())});
}

template <class T>  // it would outlive its data
NamedTensor tensor(std::string name, const std::vector<T>&& data) = delete;

template <class T>
std::vector<T> values(const SafeTensors& file, std::string_view name) {
  const Buffer<T> buffer = file.read<T>(name);
  return std::vector<T>(buffer.begin(), buffer.end());
}

/// Writes one array and reads it back as the same type.
template <class T>
void expect_round_trip(DType dtype, const std::vector<T>& data) {
  const TemporaryFolder folder;
  const auto path = folder.file("one.safetensors");
  const NamedTensor written[] = {tensor("x", data)};
  write_safetensors(path, written);
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(file.info("x").dtype, dtype) << name(dtype);
  EXPECT_EQ(values<T>(file, "x"), data) << name(dtype);
}

template <class T>
std::vector<T> limits() {
  using Limits = std::numeric_limits<T>;
  return {Limits::lowest(), Limits::min(), T{0}, T{1}, Limits::max()};
}

TEST(SafeTensors, EveryDtypeGoesRound) {
  expect_round_trip<std::uint8_t>(DType::u8, limits<std::uint8_t>());
  expect_round_trip<std::int8_t>(DType::i8, limits<std::int8_t>());
  expect_round_trip<std::uint16_t>(DType::u16, limits<std::uint16_t>());
  expect_round_trip<std::int16_t>(DType::i16, limits<std::int16_t>());
  expect_round_trip<std::uint32_t>(DType::u32, limits<std::uint32_t>());
  expect_round_trip<std::int32_t>(DType::i32, limits<std::int32_t>());
  expect_round_trip<std::uint64_t>(DType::u64, limits<std::uint64_t>());
  expect_round_trip<std::int64_t>(DType::i64, limits<std::int64_t>());
  expect_round_trip<Float16>(DType::f16, {{0x3c00}, {0x0001}, {0x7e01}});
  expect_round_trip<BFloat16>(DType::bf16, {{0x3f80}, {0x0001}, {0x7fc1}});
  expect_round_trip<float>(DType::f32, limits<float>());
  expect_round_trip<double>(DType::f64, limits<double>());
  expect_round_trip<std::complex<float>>(DType::c64, {{1, -2}, {0, 3}});
  expect_round_trip<float>(DType::f32, {});
}

TEST(SafeTensors, BoolGoesRoundAndAnyOtherByteIsTrue) {
  const TemporaryFolder folder;
  const auto path = folder.file("bool.safetensors");
  Array<bool, 1> bools({3});
  bools(1) = true;
  const std::byte bytes[] = {std::byte{0}, std::byte{7}};
  const NamedTensor written[] = {named_tensor("b", bools.view()),
                                 {"odd", {.dtype = DType::boolean, .shape = {2}, .bytes = bytes}}};
  write_safetensors(path, written);
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(values<int>(file, "b"), (std::vector<int>{0, 1, 0}));
  EXPECT_EQ(values<bool>(file, "b"), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(values<bool>(file, "odd"), (std::vector<bool>{false, true}));
}

TEST(SafeTensors, ComplexIsPairsOfReals) {
  const TemporaryFolder folder;
  const auto path = folder.file("complex.safetensors");
  using Complex = std::complex<double>;
  Array<Complex, 2> z({2, 3});
  for (Index i = 0; i < z.size(); ++i) z.data()[i] = {double(i), -0.5 * double(i)};
  const std::vector<std::complex<float>> narrow{{1, 2}, {3, 4}};
  const NamedTensor written[] = {named_tensor("z", z.view()), tensor("narrow", narrow)};
  write_safetensors(path, written);
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(file.info("z").dtype, DType::f64);
  EXPECT_EQ(file.info("z").shape, (std::vector<Index>{2, 3, 2}));
  EXPECT_EQ(file.read_shaped<Complex>("z", Shape<2>{2, 3})(1, 2), Complex(5, -2.5));
  EXPECT_EQ(file.read_shaped<double>("z", Shape<3>{2, 3, 2})(1, 2, 1), -2.5);
  EXPECT_EQ(values<Complex>(file, "narrow"), (std::vector<Complex>{{1, 2}, {3, 4}}));
}

TEST(SafeTensors, FloatsTakeEveryRealDtype) {
  const TemporaryFolder folder;
  const auto path = folder.file("real.safetensors");
  const std::vector<Float16> f16{{0x3e00}};
  const std::vector<BFloat16> bf16{{0x3fc0}};
  const std::vector<double> f64{1 + 0x1p-24 + 0x1p-40};
  const std::vector<std::int64_t> i64{-3};
  const std::vector<std::uint8_t> u8{200};
  const NamedTensor written[] = {tensor("f16", f16), tensor("bf16", bf16), tensor("f64", f64),
                                 tensor("i64", i64), tensor("u8", u8)};
  write_safetensors(path, written);
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(values<double>(file, "f16"), std::vector<double>{1.5});
  EXPECT_EQ(values<float>(file, "bf16"), std::vector<float>{1.5f});
  EXPECT_EQ(values<float>(file, "f64"), std::vector<float>{1 + 0x1p-23f});  // to nearest
  EXPECT_EQ(values<double>(file, "i64"), std::vector<double>{-3});
  EXPECT_EQ(values<float>(file, "u8"), std::vector<float>{200});
}

TEST(SafeTensors, ReadsThatWouldLoseAreNamed) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  const std::vector<std::int64_t> big{1, 300};
  const std::vector<float> x{1, 2};
  const std::vector<std::complex<float>> z{{1, 2}};
  const NamedTensor written[] = {tensor("big", big), tensor("x", x), tensor("z", z)};
  write_safetensors(path, written);
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(error_of([&] { file.read<std::uint8_t>("big"); }),
            path + ": element 1 of tensor \"big\" (I64) does not fit in U8");
  EXPECT_EQ(error_of([&] { file.read<int>("x"); }),
            path + ": tensor \"x\" of dtype F32 and shape [2] cannot be read as I32");
  EXPECT_EQ(error_of([&] { file.read<double>("z"); }),
            path + ": tensor \"z\" of dtype C64 and shape [1] cannot be read as F64");
  EXPECT_EQ(error_of([&] { file.read<float>("y"); }), path + ": no tensor \"y\" among its 3");
  EXPECT_EQ(error_of([&] {
              file.read_shaped<float>("x", Shape<2>{2, 1});
            }),
            path + ": tensor \"x\" has shape [2]; expected [2, 1]");
}

TEST(SafeTensors, ReadsIntoAView) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  Array<double, 2> x({2, 3}), y({2, 3});
  for (Index i = 0; i < 6; ++i) x.data()[i] = double(i);
  const NamedTensor written[] = {named_tensor("x", x.view())};
  write_safetensors(path, written);
  SafeTensors::open(path).read_into("x", y.view());
  EXPECT_TRUE(std::equal(x.data(), x.data() + 6, y.data()));
}

TEST(SafeTensors, WritesWideTypesFirstAlignedAndWithMetadata) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<float> scalar{5};
  const std::vector<double> d{1, 2};
  const NamedTensor written[] = {tensor("bytes", bytes), tensor("scalar", scalar), tensor("d", d)};
  write_safetensors(path, written, {{"step", "7"}, {"note", "a \"quoted\"\nline"}});
  const std::string file_bytes = read_plain(path);
  std::uint64_t length = 0;
  std::memcpy(&length, file_bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  EXPECT_EQ(nlohmann::json::parse(file_bytes.substr(8, length))["d"]["data_offsets"][1], 16);
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(file.names(), (std::vector<std::string>{"d", "scalar", "bytes"}));
  EXPECT_EQ(file.metadata().at("step"), "7");
  EXPECT_EQ(file.metadata().at("note"), "a \"quoted\"\nline");
  EXPECT_TRUE(file.contains("d"));
  EXPECT_FALSE(file.contains("__metadata__"));
  for (const auto& name : file.names()) {
    const auto& info = file.info(name);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(info.bytes.data()) %
                  static_cast<std::uintptr_t>(bytes_per_element(info.dtype)),
              0u);
  }
}

TEST(SafeTensors, AnEmptyFileOfTensorsIsFine) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  write_safetensors(path, {});
  EXPECT_TRUE(SafeTensors::open(path).names().empty());
}

TEST(SafeTensors, WhatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  const auto attempt = [&](std::vector<NamedTensor> tensors) {
    return error_of([&] { write_safetensors(path, tensors); });
  };
  const std::vector<float> two{1, 2};
  EXPECT_EQ(attempt({tensor("x", two), tensor("x", two)}),
            path + ": two tensors are called \"x\"; names are unique");
  EXPECT_EQ(attempt({tensor("__metadata__", two)}),
            path + ": a tensor cannot be called __metadata__; the format reserves it");
  EXPECT_EQ(attempt({named_tensor<float>("x", two, {3})}),
            path + ": tensor \"x\" has 8 bytes; F32 of shape [3] needs 12");
  EXPECT_NE(attempt({tensor("\xff", two)}).find("is not UTF-8"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto nowhere = folder.file("missing/t.safetensors");
  EXPECT_EQ(error_of([&] { write_safetensors(nowhere, {}); }),
            nowhere +
                ": cannot be written (No such file or directory); give a path in an existing "
                "folder that you may write to");
}

TEST(SafeTensors, AFullDiskIsARunErrorAndLeavesTheOldFile) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  const std::vector<float> few{1, 2, 3};
  const NamedTensor small[] = {tensor("x", few)};
  write_safetensors(path, small);
  const std::string before = read_plain(path);
  const std::vector<float> many(100'000);
  const NamedTensor large[] = {tensor("x", many)};
  {
    const SmallDisk disk(4096);
    EXPECT_THROW(write_safetensors(path, large), RunError);
  }
  EXPECT_EQ(read_plain(path), before);
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

}  // namespace
}  // namespace lior::io
