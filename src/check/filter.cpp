// SPDX-License-Identifier: Apache-2.0
#include <regex.h>

#include <memory>

#include "lior/check/verify.h"
#include "lior/core/text.h"

namespace lior::check {
namespace {

// The C library compiles and matches by recursion: what is nested 30,000 deep overflows its stack.
constexpr std::size_t kLongestFilter = 1000;

}  // namespace

// POSIX's own: the templates of <regex> cost more to compile than any check.
std::function<bool(const std::string&)> name_filter(const std::string& expression) {
  LIOR_CHECK(expression.size() <= kLongestFilter,
             "filter '{}' has {} bytes; expected a regular expression of at most {}",
             shown(expression), expression.size(), kLongestFilter);
  auto compiled = std::make_unique<regex_t>();
  if (::regcomp(compiled.get(), expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    throw Error(fmt::format(
        "filter '{}' is not a regular expression; 'octonion' or '^ci8.*moufang' would be",
        shown(expression)));
  }
  const std::shared_ptr<const regex_t> regex(compiled.release(), [](regex_t* owned) {
    ::regfree(owned);
    delete owned;
  });
  return [regex](const std::string& name) {
    return ::regexec(regex.get(), name.c_str(), 0, nullptr, 0) == 0;
  };
}

}  // namespace lior::check
