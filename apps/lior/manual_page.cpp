// SPDX-License-Identifier: Apache-2.0
// Pages for man(1), in the macros of man(7).
#include <fmt/core.h>

#include <algorithm>

#include "help.h"
#include "lior/core/error.h"
#include "lior/core/text.h"
#include "lior/core/version.h"

namespace lior::app {
namespace {

/// Text that roff sets as it stands: no escapes, no requests, and hyphens that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string header(std::string_view page, std::string_view name, std::string_view summary) {
  return fmt::format(".TH {} 1 \"\" \"lior {}\" \"lior\"\n.SH NAME\n{} \\- {}\n", page, version(),
                     roff(name), roff(summary));
}

/// A paragraph under a tag in bold, with the value in italics.
std::string entry(const FlagText& flag) {
  std::string text = fmt::format(".TP\n.B {}\n", roff(flag.name));
  if (!flag.metavar.empty()) {
    text = fmt::format(".TP\n\\fB{}\\fR \\fI{}\\fR\n", roff(flag.name), roff(flag.metavar));
  }
  return text + roff(flag.help) + (flag.required ? " (required)" : "") + "\n";
}

std::string program_page(const Manual& manual) {
  std::string text =
      header("LIOR", "lior", "geometric sequence models, metrics and fields, and their checks") +
      ".SH SYNOPSIS\n.B lior\n.I COMMAND\n[\\fIFLAG\\fR ...]\n.SH COMMANDS\n";
  for (const CommandText& command : manual) {
    text += fmt::format(".TP\n.BR lior\\-{} (1)\n{}\n", command.name, roff(command.summary));
  }
  text +=
      ".SH EXIT STATUS\n0: done. 1: the run failed. 2: wrong input. 128 + N: ended by signal N, "
      "with what was done saved.\n.SH SEE ALSO\n.B lior help\nlists commands and topics.\n";
  return text;
}

std::string command_page(const CommandText& command) {
  std::string page = "LIOR-" + command.name;
  std::ranges::transform(page, page.begin(), [](unsigned char c) { return std::toupper(c); });
  std::string text = header(page, "lior-" + command.name, command.summary) +
                     fmt::format(".SH SYNOPSIS\n.B lior {}\n", command.name);
  for (const FlagText& flag : command.flags) {
    if (!flag.required) continue;
    text += fmt::format("\\fB{}\\fR \\fI{}\\fR\n", roff(flag.name), roff(flag.metavar));
  }
  text += "[\\fIFLAG\\fR ...]\n.SH FLAGS\n";
  for (const FlagText& flag : command.flags) text += entry(flag);
  if (!command.note.empty()) text += ".SH NOTES\n.nf\n" + roff(command.note) + "\n.fi\n";
  return text + ".SH SEE ALSO\n.BR lior (1)\n";
}

}  // namespace

std::string manual_page(const Manual& manual, const std::string& name) {
  if (name.empty()) return program_page(manual);
  const auto command = std::ranges::find(manual, name, &CommandText::name);
  LIOR_CHECK(command != manual.end(), "there is no command '{}'; 'lior help' lists them",
             shown(name));
  return command_page(*command);
}

}  // namespace lior::app
