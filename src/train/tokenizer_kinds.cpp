// SPDX-License-Identifier: Apache-2.0
#include "lior/train/tokenizer_kinds.h"

#include <charconv>
#include <optional>

#include "lior/core/text.h"
#include "lior/io/atomic_file.h"
#include "lior/train/byte_pairs.h"

namespace lior::train {
namespace {

constexpr const char* kTokenizerFile = "tokenizer.json";
constexpr std::string_view kByte = "byte", kLearnt = "bpe:";
constexpr Index kFewest = 256, kMost = Index{1} << 20;

[[noreturn]] void unknown(const std::string& name) {
  throw Error(
      fmt::format("tokenizer '{}' is unknown; expected one of: byte, bpe:N (such as bpe:1024), "
                  "FILE.json",
                  shown(name)));
}

/// N of "bpe:N".
std::optional<Index> vocabulary_of(std::string_view name) {
  if (!name.starts_with(kLearnt)) return {};
  name.remove_prefix(kLearnt.size());
  Index number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = error == std::errc{} && end == name.data() + name.size();
  LIOR_CHECK(is_number && number >= kFewest && number <= kMost,
             "tokenizer 'bpe:{}': the number of tokens is {} to {}", shown(name), kFewest, kMost);
  return number;
}

}  // namespace

TokenizerPtr make_tokenizer(const std::string& name, const TextBytes& text,
                            std::span<const Range> training,
                            const std::function<bool()>& interrupted) {
  if (name == kByte) return byte_tokenizer();
  if (const auto vocabulary = vocabulary_of(name)) {
    return byte_pair_tokenizer(learn_byte_pairs(text, training, *vocabulary, interrupted));
  }
  if (name.ends_with(".json")) return byte_pair_tokenizer(read_tokenizer_json(name));
  unknown(name);
}

TokenizerPtr read_tokenizer(const std::string& name, const std::filesystem::path& folder) {
  if (name == kByte) return byte_tokenizer();
  if (!vocabulary_of(name) && !name.ends_with(".json")) unknown(name);
  return byte_pair_tokenizer(read_tokenizer_json(folder / kTokenizerFile));
}

void keep_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder) {
  const std::string json = tokenizer.to_json();
  if (!json.empty()) io::write_file_atomically((folder / kTokenizerFile).string(), json);
}

}  // namespace lior::train
