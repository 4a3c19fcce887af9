// SPDX-License-Identifier: Apache-2.0
#include "lior/train/words.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "lior/core/text.h"
#include "lior/io/utf8.h"
#include "word_expression.h"

namespace lior::train {
namespace {

template <auto kFree>
struct Freed {
  void operator()(auto* pointer) const { kFree(pointer); }
};

std::string pcre2_message(int code) {
  std::array<unsigned char, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

/// Of the text without what begins a character at its end, whose rest may follow.
std::size_t size_of_whole_characters(std::string_view text) {
  constexpr std::size_t kLongestCharacter = 4;
  for (std::size_t k = 1; k < std::min(kLongestCharacter, text.size() + 1); ++k) {
    const auto byte = static_cast<unsigned char>(text[text.size() - k]);
    if ((byte & 0xc0) == 0x80) continue;
    return io::utf8_character(text.substr(text.size() - k)) == 0 ? text.size() - k : text.size();
  }
  return text.size();
}

std::size_t size_of_no_characters(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && io::utf8_character(text.substr(size)) == 0) ++size;
  return size;
}

}  // namespace

class Words::Expression {
 public:
  explicit Expression(const std::string& expression) : text_(expression) {
    const std::string pattern = to_pcre2(expression);
    // Without two of PCRE2 10.42's shortcuts that lose matches: it takes \P{L} and \P{N} to have
    // nothing in common, so that \P{L}+? before \P{N} is greedy; and its compiled code skips places
    // where \D(?>[^x]+?[^y])\s begins.
    constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_NO_AUTO_POSSESS | PCRE2_NO_START_OPTIMIZE;
    int error = 0;
    std::size_t place = 0;
    code_.reset(
        pcre2_compile(units(pattern), pattern.size(), kOptions, &error, &place, newline().get()));
    LIOR_CHECK(code_ != nullptr, "the expression \"{}\": {}", shown(text_), pcre2_message(error));
    std::uint32_t matches_nothing = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_MATCHEMPTY, &matches_nothing);
    LIOR_CHECK(matches_nothing == 0,
               "the expression \"{}\" can match nothing at all; a word has a byte at least",
               shown(text_));
    // Where this fails the expression is interpreted, which is slower.
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    data_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    context_.reset(pcre2_match_context_create(nullptr));
    constexpr std::size_t kFirstStack = std::size_t{32} << 10,
                          kLargestStack = std::size_t{16} << 20;
    stack_.reset(pcre2_jit_stack_create(kFirstStack, kLargestStack, nullptr));
    if (data_ == nullptr || context_ == nullptr || stack_ == nullptr) throw std::bad_alloc();
    pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }

  struct Match {
    std::size_t begin, end;
    bool is_certain;  ///< else one may begin at `begin`, and none before it
  };
  /// The first from `begin` on, of characters alone; where there is none it is empty, at the end.
  Match find(std::string_view text, std::size_t begin, bool is_whole) {
    const std::uint32_t options = PCRE2_NO_UTF_CHECK | (is_whole ? 0 : PCRE2_PARTIAL_HARD);
    const int result = pcre2_match(code_.get(), units(text), text.size(), begin, options,
                                   data_.get(), context_.get());
    if (result == PCRE2_ERROR_NOMATCH) return {text.size(), text.size(), is_whole};
    LIOR_CHECK(result >= 0 || result == PCRE2_ERROR_PARTIAL, "the expression \"{}\": {}",
               shown(text_), pcre2_message(result));
    const std::size_t* const found = pcre2_get_ovector_pointer(data_.get());
    return {found[0], found[1], result >= 0};
  }

 private:
  using CompileContext = std::unique_ptr<pcre2_compile_context, Freed<pcre2_compile_context_free>>;
  static CompileContext newline() {
    CompileContext context(pcre2_compile_context_create(nullptr));
    if (context == nullptr) throw std::bad_alloc();
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    return context;
  }

  std::string text_;
  std::unique_ptr<pcre2_code, Freed<pcre2_code_free>> code_;
  std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>> data_;
  std::unique_ptr<pcre2_jit_stack, Freed<pcre2_jit_stack_free>> stack_;
  std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>> context_;
};

Words::Words(std::span<const std::string> expressions)
    : expressions_(expressions.begin(), expressions.end()) {}
Words::~Words() = default;
Words::Words(Words&&) noexcept = default;
Words& Words::operator=(Words&&) noexcept = default;

std::size_t Words::visit(std::string_view text, bool is_whole, const Visit& visit) {
  if (!is_whole) text = text.substr(0, size_of_whole_characters(text));
  std::size_t done = 0;
  while (done < text.size()) {
    const std::string_view left = text.substr(done);
    if (const std::size_t size = io::utf8_prefix(left); size > 0) {
      const bool ends_here = is_whole || size < left.size();
      const std::size_t visited = visit_from(0, left.substr(0, size), ends_here, visit);
      done += visited;
      if (visited < size) break;
    } else {
      const std::size_t run = size_of_no_characters(left);
      if (!is_whole && run == left.size()) break;
      visit(left.substr(0, run));
      done += run;
    }
  }
  return done;
}

std::size_t Words::visit_from(std::size_t expression, std::string_view text, bool is_whole,
                              const Visit& visit) {
  if (text.empty()) return 0;
  if (expression == expressions_.size()) {
    if (!is_whole) return 0;
    visit(text);
    return text.size();
  }
  std::size_t done = 0;
  while (done < text.size()) {
    const Expression::Match match = expressions_[expression].find(text, done, is_whole);
    const std::string_view before = text.substr(done, match.begin - done);
    if (!match.is_certain) return done + visit_from(expression + 1, before, false, visit);
    visit_from(expression + 1, before, true, visit);
    visit_from(expression + 1, text.substr(match.begin, match.end - match.begin), true, visit);
    done = match.end;
  }
  return done;
}

}  // namespace lior::train
