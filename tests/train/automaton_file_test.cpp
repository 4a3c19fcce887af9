// SPDX-License-Identifier: Apache-2.0
#include "lior/train/automaton_file.h"

#include <gtest/gtest.h>

#include "lior/core/random.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

const std::string kTurnstile = R"(# a turnstile
state    output   coin      push

locked   closed   unlocked  locked   # the start
unlocked open	  unlocked  locked
)";

std::string error(const std::string& text) {
  return error_of([&] { parse_automaton(text, "t.txt"); });
}

TEST(AutomatonFile, ReadsATable) {
  const NamedAutomaton read = parse_automaton(kTurnstile, "t.txt");
  EXPECT_EQ(read.states, (std::vector<std::string>{"locked", "unlocked"}));
  EXPECT_EQ(read.letters, (std::vector<std::string>{"coin", "push"}));
  EXPECT_EQ(read.outputs, (std::vector<std::string>{"closed", "open"}));
  EXPECT_EQ(read.automaton.states, 2);
  EXPECT_EQ(read.automaton.letters, 2);
  EXPECT_EQ(read.automaton.start, 0);
  EXPECT_EQ(read.automaton.next, (std::vector<std::int32_t>{1, 0, 1, 0}));
  EXPECT_EQ(read.automaton.output, (std::vector<std::int32_t>{0, 1}));
}

TEST(AutomatonFile, ADashIsNoStateAndNoOutput) {
  const NamedAutomaton read =
      parse_automaton("state output a b\r\ns - t -\r\nt 0 - s\r\nu 1 s s", "t.txt");
  EXPECT_EQ(read.automaton.next, (std::vector<std::int32_t>{1, -1, -1, 0, 0, 0}));
  EXPECT_EQ(read.automaton.output, (std::vector<std::int32_t>{-1, 0, 1}));
}

TEST(AutomatonFile, AByteOrderMarkIsNoCell) {
  const NamedAutomaton read = parse_automaton(std::string("\xef\xbb\xbf") + kTurnstile, "t.txt");
  EXPECT_EQ(read.letters, (std::vector<std::string>{"coin", "push"}));
  EXPECT_EQ(error("\xef\xbb\xbf"), "t.txt: it is empty");
}

TEST(AutomatonFile, MistakesAreSaidWithLineAndCell) {
  EXPECT_EQ(error(""), "t.txt: it is empty");
  EXPECT_EQ(error("# nothing\n"), "t.txt: it is empty");
  EXPECT_EQ(error("state output a\n"), "t.txt: it has no state");
  EXPECT_EQ(error("states output a\n"),
            "t.txt, line 1, cell 1 (\"states\"): expected state: the first line is state output "
            "LETTER...");
  EXPECT_EQ(error("state output\n"), "t.txt, line 1, cell 3 (\"\"): expected a letter");
  EXPECT_EQ(error("state output a a\n"),
            "t.txt, line 1, cell 4 (\"a\"): a letter before it has this name");
  EXPECT_EQ(error("state output a\n\ns 0 q\n"),
            "t.txt, line 3, cell 3 (\"q\"): there is no state of this name; a state is the first "
            "cell of a line");
  EXPECT_EQ(error("state output a\ns 0 s\ns 1 s\n"),
            "t.txt, line 3, cell 1 (\"s\"): a state before it has this name");
  EXPECT_EQ(error("state output a b\ns 0 s\n"),
            "t.txt, line 2, cell 4 (\"\"): expected 4 cells, a state, its output and a next state "
            "for each of 2 letters; the line has 3");
  EXPECT_EQ(error("state output a\ns 0 s s\n"),
            "t.txt, line 2, cell 4 (\"s\"): expected 3 cells, a state, its output and a next state "
            "for each of 1 letters; the line has 4");
  EXPECT_EQ(error("state output a\ns 0 -\n"),
            "t.txt, line 2, cell 3 (\"-\"): no letter leads on from this state");
  EXPECT_EQ(error("state output a\n- 0 -\n"),
            "t.txt, line 2, cell 1 (\"-\"): no state can have this name: it says that there is "
            "none");
  EXPECT_EQ(error("state output a\ns 0 s\n"),
            "t.txt: its states show 1 different outputs; at least 2 are needed to have something "
            "to predict");
  EXPECT_EQ(error("state output a\ns 0 \x1b[31m\n"),
            "t.txt, line 2, cell 3 (\"\\x1b[31m\"): there is no state of this name; a state is the "
            "first cell of a line");
  EXPECT_THROW(read_automaton("/nonexistent"), Error);
  EXPECT_THROW(read_automaton("/"), Error);
}

// A table with any bytes changed is read as a machine that can be run, or refused.
TEST(AutomatonFile, AnyBytesAreAMachineOrAnError) {
  Random random(7);
  Index machines = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = kTurnstile;
    for (Index n = 1 + random.below(3); n > 0; --n) {
      const auto place = static_cast<std::size_t>(random.below(std::ssize(text)));
      if (random.below(2) == 0) {
        text[place] = static_cast<char>(random.below(256));
      } else {
        text.erase(place, 1 + static_cast<std::size_t>(random.below(12)));
      }
    }
    try {
      const Automaton machine = parse_automaton(text, "t.txt").automaton;
      ++machines;
      std::int32_t state = machine.start;
      for (int step = 0; step < 100; ++step) {
        ASSERT_TRUE(state >= 0 && state < machine.states);
        const auto letter = static_cast<std::int32_t>(random.below(machine.letters));
        if (machine.after(state, letter) != Automaton::kNoState) {
          state = machine.after(state, letter);
        }
      }
    } catch (const Error&) {
    }
  }
  EXPECT_GT(machines, 300);
}

}  // namespace
}  // namespace lior::train
