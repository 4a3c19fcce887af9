// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "lior/core/text.h"
#include "lior/io/utf8.h"
#include "lior/train/byte_pairs.h"
#include "settings/depth.h"
#include "word_expression.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uintmax_t kLargestFile = std::uintmax_t{1} << 26;
constexpr std::size_t kMostTokens = std::size_t{1} << 20;  // model.vocabulary's bound

/// GPT-2's letter for each byte: itself where it can be seen, else one from U+0100 on.
std::array<std::string, 256> byte_letters() {
  std::array<std::string, 256> letters;
  int next = 0x100;
  for (int b = 0; b < 256; ++b) {
    const bool is_seen = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad);
    const int point = is_seen ? b : next++;
    std::string& letter = letters[static_cast<std::size_t>(b)];
    if (point >= 0x80) letter.push_back(static_cast<char>(0xc0 | point >> 6));
    letter.push_back(static_cast<char>(point < 0x80 ? point : 0x80 | (point & 0x3f)));
  }
  return letters;
}

const std::array<std::string, 256>& letters() {
  static const std::array<std::string, 256> all = byte_letters();
  return all;
}

std::string to_letters(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += letters()[static_cast<unsigned char>(byte)];
  return text;
}

/// Nothing where a letter stands for no byte.
std::optional<std::string> from_letters(std::string_view text) {
  static const auto kBytes = [] {
    std::unordered_map<std::string, char> bytes;
    for (std::size_t b = 0; b < 256; ++b) bytes.emplace(letters()[b], static_cast<char>(b));
    return bytes;
  }();
  std::string bytes;
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(io::utf8_character(text), 1);
    const auto found = kBytes.find(std::string(text.substr(0, size)));
    if (found == kBytes.end()) return {};
    bytes += found->second;
    text.remove_prefix(size);
  }
  return bytes;
}

/// One file, with its name in every error.
class Reader {
 public:
  explicit Reader(std::string name) : name_(std::move(name)) {}

  BytePairs read(std::string_view text) {
    const Json file = parse(text);
    must(file.is_object(), "no JSON object; tokenizer.json is one");
    const Json& model = member(file, "model");
    must(model.is_object(), "has no model; this is no tokenizer.json, or one of another version");
    must(type_of(model) == "BPE",
         fmt::format("model is {}; BPE is read, and bpe:N learns one from the text",
                     shown(type_of(model))));
    for (const char* key : {"truncation", "padding"}) refuse_unless_null(file, key);
    read_normalizer(member(file, "normalizer"));
    read_pre_tokenizer(member(file, "pre_tokenizer"));
    const Json& decoder = member(file, "decoder");
    must(decoder.is_null() || type_of(decoder) == "ByteLevel",
         fmt::format("decoder is {}; ByteLevel or none is read", shown(type_of(decoder))));
    // Every byte has a token, so that what stands for unknown ones (unk_token, fuse_unk) never
    // does.
    for (const char* key :
         {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
      const Json& value = member(model, key);
      const bool is_empty = value.is_string() && value.get_ref<const std::string&>().empty();
      must(value.is_null() || is_empty || value == false || value == 0,
           fmt::format("model.{} is {}; a byte-level model without it is read", key,
                       shown(value.dump(-1, ' ', true, Json::error_handler_t::replace))));
    }
    pairs_.whole_words_first = flag(model, "ignore_merges", false);
    read_vocabulary(member(model, "vocab"), member(file, "added_tokens"));
    read_merges(member(model, "merges"));
    return std::move(pairs_);
  }

 private:
  void must(bool holds, std::string_view what) const {
    if (!holds) throw Error(fmt::format("{}: {}", shown_path(name_), what));
  }

  Json parse(std::string_view text) const {
    settings::check_json_depth(text, name_);
    try {
      return Json::parse(text);
    } catch (const Json::parse_error& fault) {
      throw Error(fmt::format("{}: not JSON at byte {}", shown_path(name_), fault.byte));
    } catch (const Json::out_of_range&) {
      throw Error(fmt::format("{}: holds a number out of range, such as 1e999", shown_path(name_)));
    }
  }

  static const Json& member(const Json& object, const char* key) {
    static const Json kNull;
    const auto found = object.find(key);
    return found == object.end() ? kNull : *found;
  }

  static std::string type_of(const Json& part) {
    const Json& type = part.is_object() ? member(part, "type") : part;
    return type.is_string() ? type.get<std::string>() : part.is_null() ? "none" : "unknown";
  }

  void refuse_unless_null(const Json& file, const char* key) const {
    const Json& part = member(file, key);
    must(part.is_null(),
         fmt::format("{} is {}; a file without one is read", key, shown(type_of(part))));
  }

  bool flag(const Json& object, const char* key, bool otherwise) const {
    const Json& value = member(object, key);
    must(value.is_null() || value.is_boolean(), fmt::format("{} is neither true nor false", key));
    return value.is_null() ? otherwise : value.get<bool>();
  }

  void read_normalizer(const Json& part) {
    const Json& parts = member(part, "normalizers");
    if (part.is_null() || (type_of(part) == "Sequence" && parts.is_array() && parts.empty()))
      return;
    must(type_of(part) == "NFC",
         fmt::format("normalizer is {}; NFC or none is read", shown(type_of(part))));
    pairs_.is_of_composed_text = true;
  }

  void read_pre_tokenizer(const Json& part) {
    pairs_.words.clear();
    if (type_of(part) != "Sequence") return read_byte_level(part, "is");
    const Json& parts = member(part, "pretokenizers");
    must(parts.is_array() && !parts.empty(), "pre_tokenizer is a Sequence of nothing");
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) read_splitter(parts[i]);
    read_byte_level(parts.back(), "ends with");
  }

  /// Which comes last: what follows it would see its letters.
  void read_byte_level(const Json& part, std::string_view verb) {
    must(type_of(part) == "ByteLevel",
         fmt::format("pre_tokenizer {} {}; ByteLevel is read, alone or at the end of a Sequence",
                     verb, shown(type_of(part))));
    must(!flag(part, "add_prefix_space", true),
         "pre_tokenizer.add_prefix_space is true, which puts a blank before each text; a file "
         "without it is read");
    if (flag(part, "use_regex", true)) pairs_.words.emplace_back(kGpt2Words);
  }

  void read_splitter(const Json& part) {
    const std::string type = type_of(part);
    if (type == "Digits") {
      pairs_.words.emplace_back(flag(part, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
      return;
    }
    must(type == "Split",
         fmt::format("pre_tokenizer has {}; Split and Digits are read before ByteLevel",
                     shown(type)));
    const std::string behavior = type_of(member(part, "behavior"));
    must(behavior == "Isolated" || (behavior == "Removed" && flag(part, "invert", false)),
         fmt::format("pre_tokenizer splits with behavior {}; Isolated is read, and Removed with "
                     "invert",
                     shown(behavior)));
    const Json& pattern = member(part, "pattern");
    const Json& expression = member(pattern, "Regex");
    const Json& text = member(pattern, "String");
    must(expression.is_string() || text.is_string(),
         "pre_tokenizer splits by a pattern that is neither Regex nor String");
    pairs_.words.push_back(expression.is_string() ? expression.get<std::string>()
                                                  : literal_expression(text.get<std::string>()));
  }

  std::int32_t id_of(const Json& value) const {
    must(value.is_number_unsigned() && value.get<std::uint64_t>() < kMostTokens,
         fmt::format("a token's number is {}; 0 to {} are read",
                     shown(value.dump(-1, ' ', true, Json::error_handler_t::replace)),
                     kMostTokens - 1));
    return value.get<std::int32_t>();
  }

  void put(std::int32_t id, std::string bytes) {
    const auto place = static_cast<std::size_t>(id);
    if (place >= pairs_.bytes.size()) {
      pairs_.bytes.resize(place + 1);
      is_there_.resize(place + 1);
    }
    pairs_.bytes[place] = std::move(bytes);
    is_there_[place] = true;
  }

  void read_vocabulary(const Json& vocabulary, const Json& added) {
    must(vocabulary.is_object(), "model.vocab is no object of tokens and their numbers");
    must(added.is_null() || added.is_array(), "added_tokens is no list");
    for (const Json& token : added) read_added(token);
    for (const auto& [text, number] : vocabulary.items()) {
      const std::int32_t id = id_of(number);
      if (is_added(id)) {
        ids_.emplace(text, id);
        continue;
      }
      const auto bytes = from_letters(text);
      must(bytes.has_value() && !bytes->empty(),
           fmt::format("token \"{}\" has a letter that stands for no byte", shown(text)));
      must(static_cast<std::size_t>(id) >= is_there_.size() ||
               !is_there_[static_cast<std::size_t>(id)],
           fmt::format("two tokens have the number {}", id));
      put(id, *bytes);
      ids_.emplace(text, id);
    }
    const auto hole = std::find(is_there_.begin(), is_there_.end(), false);
    must(hole == is_there_.end(), fmt::format("no token has the number {}; there are higher ones",
                                              hole - is_there_.begin()));
  }

  void read_added(const Json& token) {
    must(token.is_object(), "added_tokens hold something else than objects");
    const Json& content = member(token, "content");
    must(content.is_string() && !content.get_ref<const std::string&>().empty(),
         "an added token has no content");
    const auto text = content.get<std::string>();
    for (const char* key : {"single_word", "lstrip", "rstrip"}) {
      must(!flag(token, key, false),
           fmt::format("added token \"{}\": {} is true; one without it is read", shown(text), key));
    }
    const std::int32_t id = id_of(member(token, "id"));
    must(!is_added(id), fmt::format("two added tokens have the number {}", id));
    const bool is_special = flag(token, "special", false);
    pairs_.added.push_back({id, is_special, flag(token, "normalized", !is_special)});
    put(id, text);
  }

  bool is_added(std::int32_t id) const {
    return std::any_of(pairs_.added.begin(), pairs_.added.end(),
                       [&](const AddedToken& token) { return token.id == id; });
  }

  /// "a b", or ["a", "b"].
  void read_merges(const Json& merges) {
    must(merges.is_array(), "model.merges is no list");
    for (const Json& merge : merges) {
      std::string left, right;
      if (merge.is_string()) {
        const auto& text = merge.get_ref<const std::string&>();
        const std::size_t blank = text.find(' ');
        left = text.substr(0, blank);
        right = blank == std::string::npos ? "" : text.substr(blank + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      }
      const auto a = ids_.find(left), b = ids_.find(right);
      must(a != ids_.end() && b != ids_.end(),
           fmt::format("merge {}, of \"{}\" and \"{}\", does not join two tokens",
                       pairs_.merges.size(), shown(left), shown(right)));
      pairs_.merges.emplace_back(a->second, b->second);
    }
  }

  std::string name_;
  BytePairs pairs_;
  std::vector<bool> is_there_;
  std::unordered_map<std::string, std::int32_t> ids_;  // by the letters of the file
};

}  // namespace

BytePairs parse_tokenizer_json(std::string_view text, const std::string& name) {
  BytePairs pairs = Reader(name).read(text);
  try {
    byte_pair_tokenizer(pairs);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", shown_path(name), error.what()));
  }
  return pairs;
}

BytePairs read_tokenizer_json(const fs::path& path) {
  const std::string name = path.string();
  std::error_code error;
  LIOR_CHECK(fs::is_regular_file(path, error), "{}: no such file; a tokenizer.json is needed",
             shown_path(name));
  LIOR_CHECK(fs::file_size(path, error) <= kLargestFile, "{}: is larger than 64 MB",
             shown_path(name));
  std::ifstream stream(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  LIOR_CHECK(stream.is_open() && !stream.bad(), "{}: cannot be read", shown_path(name));
  return parse_tokenizer_json(text, name);
}

std::string to_tokenizer_json(const BytePairs& pairs) {
  using Ordered = nlohmann::ordered_json;
  Ordered vocabulary = Ordered::object(), merges = Ordered::array(), added = Ordered::array();
  std::vector<bool> is_added(pairs.bytes.size());
  for (const AddedToken& token : pairs.added) {
    is_added[static_cast<std::size_t>(token.id)] = true;
    added.push_back({{"id", token.id},
                     {"content", pairs.bytes[static_cast<std::size_t>(token.id)]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", token.is_late},
                     {"special", token.is_special}});
  }
  for (std::size_t i = 0; i < pairs.bytes.size(); ++i) {
    // The package numbers an added token anew unless the vocabulary has its text.
    vocabulary.push_back({is_added[i] ? pairs.bytes[i] : to_letters(pairs.bytes[i]), i});
  }
  for (const auto& [left, right] : pairs.merges) {
    merges.push_back(to_letters(pairs.bytes[static_cast<std::size_t>(left)]) + " " +
                     to_letters(pairs.bytes[static_cast<std::size_t>(right)]));
  }
  const bool has_gpt2_words = !pairs.words.empty() && pairs.words.back() == kGpt2Words;
  const Ordered byte_level = {{"type", "ByteLevel"},
                              {"add_prefix_space", false},
                              {"trim_offsets", true},
                              {"use_regex", has_gpt2_words}};
  Ordered cuts = Ordered::array();
  for (std::size_t i = 0; i + (has_gpt2_words ? 1 : 0) < pairs.words.size(); ++i) {
    cuts.push_back({{"type", "Split"},
                    {"pattern", {{"Regex", pairs.words[i]}}},
                    {"behavior", "Isolated"},
                    {"invert", false}});
  }
  Ordered pre_tokenizer = byte_level;
  if (!cuts.empty()) {
    cuts.push_back(byte_level);
    pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", cuts}};
  }
  const Ordered normalizer = pairs.is_of_composed_text ? Ordered{{"type", "NFC"}} : Ordered();
  const Ordered file = {{"version", "1.0"},
                        {"truncation", nullptr},
                        {"padding", nullptr},
                        {"added_tokens", added},
                        {"normalizer", normalizer},
                        {"pre_tokenizer", pre_tokenizer},
                        {"post_processor", nullptr},
                        {"decoder", byte_level},
                        {"model",
                         {{"type", "BPE"},
                          {"dropout", nullptr},
                          {"unk_token", nullptr},
                          {"continuing_subword_prefix", nullptr},
                          {"end_of_word_suffix", nullptr},
                          {"fuse_unk", false},
                          {"byte_fallback", false},
                          {"ignore_merges", pairs.whole_words_first},
                          {"vocab", vocabulary},
                          {"merges", merges}}}};
  return file.dump(1) + "\n";
}

}  // namespace lior::train
