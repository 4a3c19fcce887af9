// SPDX-License-Identifier: Apache-2.0
// Each way in which a safetensors file can be wrong: one line that says what and where.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "lior/core/random.h"
#include "lior/io/safetensors.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

/// The file of this header and data.
std::string assemble(std::string_view header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return file.append(header).append(data_bytes, '\1');
}

struct Damage {
  const char* name;
  std::string file;
  std::string message;  ///< after "<path>: "
};

std::ostream& operator<<(std::ostream& out, const Damage& damage) { return out << damage.name; }

std::string repeated(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string nested(std::size_t depth) {
  return R"({"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

const std::string kTwo = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";

std::vector<Damage> damages() {
  const auto one = [](const char* body, std::size_t bytes = 8) {
    return assemble(std::string(R"({"a":)") + body + "}", bytes);
  };
  return {
      {"empty", "",
       "0 bytes long; a safetensors file starts with 8 bytes that hold its header's length"},
      {"seven_bytes", "1234567",
       "7 bytes long; a safetensors file starts with 8 bytes that hold its header's length"},
      {"header_past_the_end", assemble(kTwo, 9).substr(0, 50),
       "header of 105 bytes in a file that holds 42 after its first 8; the file is cut short or is "
       "not safetensors"},
      {"header_of_more_than_100_MB", std::string("\x01\xe1\xf5\x05\0\0\0\0", 8),
       "header of 100000001 bytes; at most 100000000 are allowed"},
      {"header_length_of_2_to_64", std::string(8, '\xff'),
       "header of 18446744073709551615 bytes; at most 100000000 are allowed"},
      {"empty_header", assemble("", 0), "header does not start with '{'; it must be a JSON object"},
      {"not_utf8", assemble("{\"\xc3\x28\":1}", 0),
       "header is not UTF-8; it must be a JSON object in UTF-8"},
      {"overlong_utf8", assemble("{\"\xc0\xaf\":1}", 0),
       "header is not UTF-8; it must be a JSON object in UTF-8"},
      {"surrogate_in_utf8", assemble("{\"\xed\xa0\x80\":1}", 0),
       "header is not UTF-8; it must be a JSON object in UTF-8"},
      {"not_json", assemble(R"({"a":)", 0),
       "header is not JSON (at its byte 6); it must be a JSON object"},
      {"trailing_text", assemble("{} {}", 0),
       "header is not JSON (at its byte 4); it must be a JSON object"},
      {"an_array", assemble("[]", 0), "header does not start with '{'; it must be a JSON object"},
      {"nested", assemble(R"({"a":)" + nested(100'000) + "}", 0),
       "header nests deeper than 3 levels; tensors need no more"},
      {"many_axes",
       assemble(R"({"a":{"dtype":"U8","shape":[1)" + repeated(",1", 1'000'000) +
                    R"(],"data_offsets":[0,1]}})",
                1),
       R"(tensor "a": "shape" holds more than 64 numbers; no tensor does)"},
      {"dtype_not_text", one(R"({"dtype":7,"shape":[2],"data_offsets":[0,8]})"),
       R"(tensor "a" has no string "dtype")"},
      {"shape_not_array", one(R"({"dtype":"F32","shape":{},"data_offsets":[0,8]})"),
       R"(tensor "a" has no array "shape"; it must be one of whole numbers)"},
      {"metadata_nested", assemble(R"({"__metadata__":{"step":[]}})", 0),
       R"(metadata "step" is array; it must be a string)"},
      {"name_twice",
       assemble(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                1),
       R"("a" is in the header twice; names are unique)"},
      {"name_twice_by_escape",
       assemble(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                1),
       R"("a" is in the header twice; names are unique)"},
      {"key_twice", one(R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
       R"("dtype" is in the header twice; names are unique)"},
      {"tensor_not_object", one("7", 0), R"(tensor "a" is number; it must be an object)"},
      {"no_dtype", one(R"({"shape":[2],"data_offsets":[0,8]})"),
       R"(tensor "a" has no string "dtype")"},
      {"unknown_dtype", one(R"({"dtype":"F8","shape":[8],"data_offsets":[0,8]})"),
       R"(tensor "a" has dtype "F8"; it must be one of BOOL, U8 to I64, F16, BF16, F32, F64, C64)"},
      {"no_shape", one(R"({"dtype":"F32","data_offsets":[0,8]})"),
       R"(tensor "a" has no array "shape"; it must be one of whole numbers)"},
      {"negative_extent", one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
       R"(tensor "a": "shape" holds -2; it must hold whole numbers from 0 to 2^63 - 1)"},
      {"fractional_extent", one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
       R"(tensor "a": "shape" holds 2.0; it must hold whole numbers from 0 to 2^63 - 1)"},
      {"extent_past_index",
       one(R"({"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]})"),
       R"(tensor "a": "shape" holds 9223372036854775808; it must hold whole numbers from 0 to 2^63 - 1)"},
      {"number_out_of_range", one(R"({"dtype":"F32","shape":[1e999],"data_offsets":[0,8]})"),
       "header holds a number out of range; sizes are whole numbers"},
      {"text_for_extent", one(R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})"),
       R"(tensor "a": "shape" holds string; it must hold whole numbers from 0 to 2^63 - 1)"},
      {"overflow",  // 2^31 2^31 4 = 2^64, which a careless product takes for 0
       one(R"({"dtype":"F32","shape":[2147483648,2147483648],"data_offsets":[0,0]})", 0),
       R"(tensor "a" has shape [2147483648, 2147483648], which overflows; no file holds that)"},
      {"three_offsets", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"),
       R"(tensor "a" has data_offsets [0, 8, 8]; they must be [begin, end])"},
      {"end_before_begin", one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
       R"(tensor "a" has data_offsets [8, 0]; they must be [begin, end])"},
      {"shape_too_large", one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
       R"(tensor "a" has 8 bytes in its range [0, 8]; F32 of shape [3] needs 12)"},
      {"first_not_at_zero", one(R"({"dtype":"U8","shape":[7],"data_offsets":[1,8]})"),
       R"(tensor "a" starts at byte 1 of the data; it must start at 0, where the one before it ends)"},
      {"gap",
       assemble(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                3),
       R"(tensor "b" starts at byte 2 of the data; it must start at 1, where the one before it ends)"},
      {"overlap",
       assemble(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                3),
       R"(tensor "b" starts at byte 1 of the data; it must start at 2, where the one before it ends)"},
      {"cut_short", assemble(kTwo, 7),
       R"(tensor "a" ends at byte 8 of the data; the file holds 7 (is it cut short?))"},
      {"bytes_left_over", assemble(kTwo, 10),
       "10 bytes of data, 9 of them in tensors; the last must end where the file does"},
      {"metadata_not_object", assemble(R"({"__metadata__":[]})", 0),
       "__metadata__ is array; it must be an object of strings"},
      {"metadata_not_string", assemble(R"({"__metadata__":{"step":7}})", 0),
       R"(metadata "step" is number; it must be a string)"},
  };
}

class SafeTensorsDamage : public testing::TestWithParam<Damage> {};

TEST_P(SafeTensorsDamage, IsNamedWithFileAndFault) {
  const TemporaryFolder folder;
  const auto path = folder.file("damaged.safetensors");
  write_plain(path, GetParam().file);
  EXPECT_EQ(error_of([&] { SafeTensors::open(path); }), path + ": " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(Each, SafeTensorsDamage, testing::ValuesIn(damages()),
                         [](const auto& info) { return info.param.name; });

TEST(SafeTensorsDamage, TheUndamagedFileLoads) {
  const TemporaryFolder folder;
  const auto path = folder.file("good.safetensors");
  write_plain(path, assemble(kTwo + "   ", 9));  // padding by spaces
  EXPECT_EQ(SafeTensors::open(path).names(), (std::vector<std::string>{"a", "b"}));
}

TEST(SafeTensorsDamage, MessagesStayOnOneShortLine) {
  const TemporaryFolder folder;
  const auto path = folder.file("t.safetensors");
  const std::string name = R"(\n\u0000)" + std::string(100'000, 'x');
  write_plain(path, assemble(R"({")" + name + R"(":7})", 0));
  const std::string text = error_of([&] { SafeTensors::open(path); });
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_NE(text.find("it must be an object"), std::string::npos);
  EXPECT_LT(text.size(), path.size() + 300);
}

// A reader that is quadratic in the tensors would not end within the hour.
TEST(SafeTensorsDamage, ManyTensorsAndUnknownKeysLoad) {
  const TemporaryFolder folder;
  const auto path = folder.file("many.safetensors");
  constexpr int kTensors = 80'000;
  std::string header = R"({"__metadata__":{"step":"7"})";
  for (int i = 0; i < kTensors; ++i) {
    header += fmt::format(
        R"(,"t{}":{{"dtype":"U8","shape":[1],"later":{{"x":1}},"data_offsets":[{},{}],"n":[2]}})",
        i, i, i + 1);
  }
  write_plain(path, assemble(header + "}", kTensors));
  const auto file = SafeTensors::open(path);
  EXPECT_EQ(std::ssize(file.names()), kTensors);
  EXPECT_EQ(file.names()[12'345], "t12345");
  EXPECT_EQ(file.info("t79999").shape, std::vector<Index>{1});
  EXPECT_EQ(file.metadata().at("step"), "7");
}

/// Bytes changed, cut or repeated at random: the file loads, and then its arrays lie inside it, or
/// it is a lior::Error. Anything else (another exception, a crash) fails.
TEST(SafeTensorsDamage, RandomDamageLoadsOrIsAnError) {
  const TemporaryFolder folder;
  const auto path = folder.file("fuzz.safetensors");
  const std::string good = assemble(kTwo, 9);
  Random random(17);
  int loaded = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (Index change = random.below(4); change >= 0; --change) {
      const auto at = static_cast<std::size_t>(random.below(std::ssize(bytes)));
      switch (random.below(4)) {
        case 0: bytes[at] = static_cast<char>(random.below(256)); break;
        case 1: bytes[at] ^= static_cast<char>(1 << random.below(8)); break;
        case 2: bytes.insert(at, bytes.substr(at, 1 + random.below(8))); break;
        case 3: bytes.erase(at, 1 + random.below(3)); break;
      }
    }
    std::filesystem::remove(
        path);  // some file systems flush a file that is truncated and rewritten
    write_plain(path, bytes);
    try {
      const auto file = SafeTensors::open(path);
      for (const auto& name : file.names()) {
        if (file.info(name).dtype != DType::c64) file.read<double>(name);
      }
      ++loaded;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(loaded, 10);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace lior::io
