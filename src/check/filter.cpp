#include <regex>

#include "lior/check/verify.h"

namespace lior::check {

std::function<bool(const std::string&)> name_filter(const std::string& expression) {
  try {
    const std::regex regex(expression);
    return [regex](const std::string& name) { return std::regex_search(name, regex); };
  } catch (const std::regex_error&) {
    throw Error(fmt::format(
        "filter '{}' is not a regular expression; 'octonion' or '^ci8.*moufang' would be",
        expression));
  }
}

}  // namespace lior::check
