// SPDX-License-Identifier: Apache-2.0
// Pratt's parser: an operand, then operators as long as they bind tighter than what is outside.
#include "lior/expr/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numbers>

#include "lior/core/text.h"

namespace lior::expr {
namespace {

struct Function {
  std::string_view name;
  Op op;
  int least, most;  // arguments
};
constexpr int kAny = 1000;
constexpr Function kFunctions[] = {
    {"sqrt", Op::sqrt, 1, 1},   {"exp", Op::exp, 1, 1},        {"log", Op::log, 1, 1},
    {"sin", Op::sin, 1, 1},     {"cos", Op::cos, 1, 1},        {"tan", Op::tan, 1, 1},
    {"asin", Op::asin, 1, 1},   {"acos", Op::acos, 1, 1},      {"atan", Op::atan, 1, 1},
    {"sinh", Op::sinh, 1, 1},   {"cosh", Op::cosh, 1, 1},      {"tanh", Op::tanh, 1, 1},
    {"abs", Op::abs, 1, 1},     {"erf", Op::erf, 1, 1},        {"pow", Op::power, 2, 2},
    {"atan2", Op::atan2, 2, 2}, {"min", Op::minimum, 2, kAny}, {"max", Op::maximum, 2, kAny},
    {"where", Op::where, 3, 3},
};

/// How tightly operators bind.
enum Strength : int { kLoosest, kOr, kAnd, kNot, kCompare, kSum, kProduct, kSign, kPower };

enum class Relation { less, less_equal, greater, greater_equal, equal, different };

struct Operator {
  std::string_view text;
  Strength strength;
  Op op = Op::constant;
  Relation relation = Relation::less;
};
// Longer ones first: "<=" is not "<".
constexpr Operator kOperators[] = {
    {"or", kOr},
    {"and", kAnd},
    {"<=", kCompare, Op::constant, Relation::less_equal},
    {">=", kCompare, Op::constant, Relation::greater_equal},
    {"==", kCompare, Op::constant, Relation::equal},
    {"!=", kCompare, Op::constant, Relation::different},
    {"<", kCompare, Op::constant, Relation::less},
    {">", kCompare, Op::constant, Relation::greater},
    {"**", kPower, Op::power},
    {"^", kPower, Op::power},
    {"+", kSum, Op::add},
    {"-", kSum, Op::subtract},
    {"*", kProduct, Op::multiply},
    {"/", kProduct, Op::divide},
};

bool is_digit(char c) { return '0' <= c && c <= '9'; }
bool opens_name(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool in_name(char c) { return opens_name(c) || is_digit(c); }
bool is_word(std::string_view text) { return opens_name(text.front()); }

const Function* function_of(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                         [&](const Function& f) { return f.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

/// Letters, which UTF-8 may write in several bytes.
Index letters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

class Parser {
 public:
  Parser(Graph& graph, std::string_view text, const Scope& scope, std::string_view where)
      : graph_(graph), text_(text), scope_(scope), where_(where) {}

  Id whole() {
    LIOR_CHECK(text_.size() <= kLongestText,
               "{}: a formula of {} characters; expected at most {}; name its parts", where_,
               text_.size(), kLongestText);
    const Id id = expression(kLoosest);
    if (at_ < text_.size()) fail("expected an operator or the end", at_);
    return id;
  }

 private:
  [[noreturn]] void fail(const std::string& problem, std::size_t place) const {
    constexpr std::size_t kAround = 30;
    const std::string_view before = text_.substr(0, place);
    const std::size_t line_start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    const std::string_view line =
        text_.substr(line_start, text_.find('\n', line_start) - line_start);
    std::size_t column = place - line_start;
    std::size_t first = column > kAround ? column - kAround : 0;
    std::size_t last = std::min(line.size(), column + kAround);
    while (first > 0 && (static_cast<unsigned char>(line[first]) & 0xc0) == 0x80) --first;
    while (last < line.size() && (static_cast<unsigned char>(line[last]) & 0xc0) == 0x80) ++last;
    const auto lines = std::count(before.begin(), before.end(), '\n');
    throw Error(fmt::format(
        "{}: {} at {}column {}: {}{}▶{}{}", where_, problem,
        lines > 0 ? fmt::format("line {}, ", lines + 1) : "", letters(line.substr(0, column)) + 1,
        first > 0 ? "…" : "", shown(line.substr(first, column - first)),
        shown(line.substr(column, last - column)), last < line.size() ? "…" : ""));
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  /// Whether `token` stands here; a word must end there.
  bool sees(std::string_view token) const {
    if (text_.substr(at_, token.size()) != token) return false;
    const std::size_t end = at_ + token.size();
    return !is_word(token) || end == text_.size() || !in_name(text_[end]);
  }
  bool take(std::string_view token) {
    skip_blanks();
    if (!sees(token)) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail(fmt::format("expected '{}'", token), at_);
  }

  Id expression(Strength outside) {
    if (++depth_ > kDeepestNesting) {
      fail(fmt::format("nested deeper than {}", kDeepestNesting), at_);
    }
    Id left = operand();
    while (const Operator* next = next_operator(outside)) left = apply(*next, left);
    --depth_;
    return left;
  }

  const Operator* next_operator(Strength outside) {
    skip_blanks();
    for (const Operator& candidate : kOperators) {
      if (sees(candidate.text)) return candidate.strength > outside ? &candidate : nullptr;
    }
    return nullptr;
  }

  Id apply(const Operator& by, Id left) {
    at_ += by.text.size();
    switch (by.strength) {
      case kOr: return graph_.make(Op::maximum, truth(left), truth(expression(kOr)));
      case kAnd: return graph_.multiply(truth(left), truth(expression(kAnd)));
      case kCompare: return comparisons(by.relation, left);
      // From the right, and with a sign: 2^-x.
      case kPower: return graph_.make(by.op, left, expression(kSign));
      default: return graph_.make(by.op, left, expression(by.strength));
    }
  }

  /// a < b < c means a < b and b < c.
  Id comparisons(Relation relation, Id left) {
    Id all = -1;
    while (true) {
      const Id right = expression(kCompare);
      const Id one = compare(relation, left, right);
      all = all < 0 ? one : graph_.multiply(all, one);
      const Operator* next = next_operator(kNot);
      if (next == nullptr || next->strength != kCompare) return all;
      at_ += next->text.size();
      relation = next->relation;
      left = right;
    }
  }

  Id compare(Relation relation, Id a, Id b) {
    switch (relation) {
      case Relation::less: return graph_.make(Op::less, a, b);
      case Relation::less_equal: return graph_.make(Op::less_equal, a, b);
      case Relation::greater: return graph_.make(Op::less, b, a);
      case Relation::greater_equal: return graph_.make(Op::less_equal, b, a);
      case Relation::equal: return graph_.make(Op::equal, a, b);
      case Relation::different: break;
    }
    return opposite(graph_.make(Op::equal, a, b));
  }
  Id opposite(Id a) { return graph_.make(Op::equal, a, graph_.constant(0)); }
  /// a != 0, as 1 or 0.
  Id truth(Id a) {
    const Op op = graph_[a].op;
    const bool is_truth = op == Op::less || op == Op::less_equal || op == Op::equal;
    return is_truth ? a : opposite(opposite(a));
  }

  Id operand() {
    skip_blanks();
    const std::size_t start = at_;
    if (take("-")) return graph_.negate(expression(kSign));
    if (take("+")) return expression(kSign);
    if (take("not")) return opposite(expression(kNot));
    if (take("(")) {
      const Id inner = expression(kLoosest);
      expect(")");
      return inner;
    }
    if (start < text_.size() && (is_digit(text_[start]) || text_[start] == '.')) return number();
    if (start < text_.size() && opens_name(text_[start])) return name();
    fail("expected a number, a name or '('", start);
  }

  Id number() {
    double value = 0;
    const char* const first = text_.data() + at_;
    const auto [end, fault] = std::from_chars(first, text_.data() + text_.size(), value);
    if (fault != std::errc{}) fail("this is not a number that can be held", at_);
    at_ += static_cast<std::size_t>(end - first);
    return graph_.constant(value);
  }

  Id name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    skip_blanks();
    if (const Function* f = function_of(word)) return call(*f, start);
    if (word == "d" && scope_.differential && sees("(")) {
      ++at_;
      const Id inner = expression(kLoosest);
      expect(")");
      return scope_.differential(inner);
    }
    if (word == "pi") return graph_.constant(std::numbers::pi);
    if (word == "e") return graph_.constant(std::numbers::e);
    if (const auto id = scope_.find(word)) {
      if (sees("(")) fail(fmt::format("'{}' is no function; write * for products", word), at_);
      return *id;
    }
    std::string known;
    const auto add = [&](std::string_view name) {
      known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
    };
    if (sees("(")) {
      for (const Function& f : kFunctions) add(f.name);
      fail(fmt::format("unknown function '{}'; expected one of {}", shown(word, 40), known), start);
    }
    for (const std::string& other : scope_.names) add(other);
    fail(fmt::format("unknown name '{}'; expected one of {}", shown(word, 40),
                     known.empty() ? "the functions and constants" : shown(known, 200)),
         start);
  }

  Id call(const Function& f, std::size_t start) {
    if (!take("(")) fail(fmt::format("expected '(' behind {}", f.name), at_);
    std::vector<Id> arguments{expression(kLoosest)};
    while (take(",")) arguments.push_back(expression(kLoosest));
    expect(")");
    const int count = static_cast<int>(arguments.size());
    if (count < f.least || count > f.most) {
      fail(fmt::format("{} takes {}{} argument{}, not {}", f.name, f.least,
                       f.most > f.least ? " or more" : "", f.least == 1 ? "" : "s", count),
           start);
    }
    if (f.op == Op::where) return graph_.make(f.op, arguments[0], arguments[1], arguments[2]);
    if (count == 1) return graph_.make(f.op, arguments[0]);
    Id id = arguments[0];
    for (int i = 1; i < count; ++i) id = graph_.make(f.op, id, arguments[i]);
    return id;
  }

  Graph& graph_;
  std::string_view text_;
  const Scope& scope_;
  std::string_view where_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

bool is_reserved(std::string_view name) {
  constexpr std::array kWords{"pi", "e", "and", "or", "not", "d"};
  return function_of(name) != nullptr ||
         std::find(kWords.begin(), kWords.end(), name) != kWords.end();
}

void check_name(std::string_view name, std::string_view where) {
  LIOR_CHECK(
      !name.empty() && opens_name(name.front()) && std::all_of(name.begin(), name.end(), in_name),
      "{}: '{}' is no name; expected letters, digits and _, the first no digit", where,
      shown(name));
  LIOR_CHECK(shown(name, kLongestName) == name,
             "{}: '{}' is no name; expected UTF-8, and at most {} bytes of it", where, shown(name),
             kLongestName);
  LIOR_CHECK(!is_reserved(name), "{}: '{}' has a meaning in formulas; choose another name", where,
             shown(name));
}

bool has_name(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || !in_name(text[at - 1])) && (end == text.size() || !in_name(text[end]))) {
      return true;
    }
  }
  return false;
}

std::size_t find_equals(std::string_view text) {
  const std::string_view comparing = "<>=!";
  for (std::size_t at = text.find('='); at != text.npos; at = text.find('=', at + 1)) {
    const bool after = at > 0 && comparing.find(text[at - 1]) != comparing.npos;
    const bool before = at + 1 < text.size() && text[at + 1] == '=';
    if (!after && !before) return at;
  }
  return text.npos;
}

std::string shown_operation(Op op, std::span<const double> arguments) {
  const auto symbol = std::find_if(std::rbegin(kOperators), std::rend(kOperators),
                                   [&](const Operator& one) { return one.op == op; });
  if (op != Op::constant && symbol != std::rend(kOperators)) {
    return fmt::format("{:.6g}{}{:.6g}", arguments[0], symbol->text, arguments[1]);
  }
  const auto* const function = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                            [&](const Function& f) { return f.op == op; });
  std::string numbers = fmt::format("{:.6g}", fmt::join(arguments, ", "));
  if (function == std::end(kFunctions)) return numbers;
  return fmt::format("{}({})", function->name, numbers);
}

Id parse(Graph& graph, std::string_view text, const Scope& scope, std::string_view where) {
  return Parser(graph, text, scope, where).whole();
}

}  // namespace lior::expr
