// SPDX-License-Identifier: Apache-2.0
#include "lior/settings/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "support/error_of.h"

namespace lior::settings {
namespace {

namespace fs = std::filesystem;

enum class Colour { red, green, blue };
constexpr auto enum_names(Colour) { return enum_words("red", "green", "blue"); }

struct Paint {
  Colour colour = Colour::red;
  std::vector<Colour> stripes{Colour::green};
  Index coats = 1;
  double thickness = 0.5;
  bool glossy = false;
  std::string name = "door";
  std::optional<Index> tins{};
  std::optional<ByteCount> budget{};
};

Fields fields(Paint& p) {
  return {{"colour", p.colour, 2},  // blue cannot be chosen
          Field("coats", p.coats, Bounds{1, 8}).changes_on_resume(),
          {"name", p.name},
          {"tins", p.tins, kCount},
          {"budget", p.budget},
          {"finish.stripes", p.stripes},
          {"finish.thickness", p.thickness, Bounds{0, 1, true, true}},
          Field("finish.glossy", p.glossy).absent_in_old_files()};
}

Setting flag(const std::string& key, const std::string& text) {
  return {key, TextValue{text}, "--" + key};
}

std::string message_for(const Setting& setting) {
  Paint paint;
  return error_of([&] { assign(fields(paint), setting); });
}

struct SettingsFile : testing::Test {
  fs::path folder = fs::temp_directory_path() / fmt::format("lior-settings-{}", ::getpid());
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
  fs::path file(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
    return folder / name;
  }
};

TEST(Settings, AreReadByTheTypeOfTheirField) {
  Paint paint;
  for (const auto& [key, text] :
       std::vector<std::pair<std::string, std::string>>{{"colour", "green"},
                                                        {"coats", "3"},
                                                        {"name", "wall"},
                                                        {"tins", "12"},
                                                        {"budget", "1.5G"},
                                                        {"finish.stripes", "blue, red"},
                                                        {"finish.thickness", "1e-3"},
                                                        {"finish.glossy", "true"}}) {
    assign(fields(paint), flag(key, text));
  }
  EXPECT_EQ(paint.colour, Colour::green);
  EXPECT_EQ(paint.coats, 3);
  EXPECT_EQ(paint.name, "wall");
  EXPECT_EQ(paint.tins, 12);
  EXPECT_EQ(paint.budget->count, 1'500'000'000);
  EXPECT_EQ(paint.stripes, (std::vector{Colour::blue, Colour::red}));
  EXPECT_EQ(paint.thickness, 1e-3);
  EXPECT_TRUE(paint.glossy);
  assign(fields(paint), {"tins", Absent{}, "a.json"});
  EXPECT_FALSE(paint.tins);
}

TEST(Settings, WrongOnesAreNamedWithWhatWouldFit) {
  EXPECT_EQ(message_for(flag("coats", "9")), "--coats is \"9\"; it must be an integer from 1 to 8");
  EXPECT_EQ(message_for(flag("coats", "3x")),
            "--coats is \"3x\"; it must be an integer from 1 to 8");
  EXPECT_EQ(message_for({"coats", 1.5, "a.toml:3"}),
            "a.toml:3: coats is 1.5; it must be an integer from 1 to 8");
  for (const char* outside : {"0", "1", "nan", "inf"}) {
    EXPECT_EQ(message_for(flag("finish.thickness", outside)),
              fmt::format("--finish.thickness is \"{}\"; it must be a number above 0 and below 1",
                          outside));
  }
  EXPECT_EQ(message_for(flag("colour", "blue")),
            "--colour is \"blue\"; it must be one of \"red\", \"green\"");
  EXPECT_EQ(message_for(flag("finish.stripes", "red,")),
            "--finish.stripes is \"red,\"; it must be a string of names between commas, each one "
            "of \"red\", \"green\", \"blue\"");
  EXPECT_EQ(message_for({"coats", Absent{}, "a.json"}),
            "a.json: coats is null; it must be an integer from 1 to 8");
  EXPECT_EQ(
      message_for(flag("cots", "1")),
      "--cots: unknown key cots; the keys are colour, coats, name, tins, budget, and those of "
      "[finish]");
  EXPECT_EQ(message_for(flag("finish.gloss", "1")),
            "--finish.gloss: unknown key finish.gloss; the keys are finish.stripes, "
            "finish.thickness, finish.glossy");
}

TEST(Settings, ForeignTextIsShownAndCut) {
  const std::string message =
      message_for({"colour", "\x1b[31m" + std::string(10'000, 'x'), "a.toml:1"});
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_NE(message.find("\\x1b[31mxxx"), std::string::npos);
  EXPECT_LT(message.size(), 400u);
}

TEST(Settings, SizesHaveUnits) {
  const auto bytes = [](const Setting& setting) {
    Paint paint;
    assign(fields(paint), setting);
    return paint.budget->count;
  };
  EXPECT_EQ(bytes(flag("budget", "512M")), 512'000'000);
  EXPECT_EQ(bytes({"budget", std::string("800K"), "a.toml:1"}), 800'000);
  EXPECT_EQ(bytes({"budget", Index{4096}, "a.toml:1"}), 4096);
  for (const char* text : {"", "M", "-1M", "1P", "512 M", "nan", "1e30"}) {
    EXPECT_THROW(bytes(flag("budget", text)), Error) << text;
  }
}

TEST(Settings, ComeFromVariablesWithThePrefix) {
  ::setenv("PAINT_FINISH_GLOSSY", "true", 1);
  ::setenv("PAINT_COTS", "2", 1);
  ::setenv("PAINT_OTHER_THING", "2", 1);
  Paint paint;
  const auto found = read_environment(fields(paint), "PAINT_");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key, "finish.glossy");
  EXPECT_EQ(found[0].where, "PAINT_FINISH_GLOSSY");
  constexpr std::string_view kOthers[] = {"PAINT_OTHER_"};
  EXPECT_EQ(unknown_variables(fields(paint), "PAINT_", kOthers),
            std::vector<std::string>{"PAINT_COTS"});
  for (const char* name : {"PAINT_FINISH_GLOSSY", "PAINT_COTS", "PAINT_OTHER_THING"}) {
    ::unsetenv(name);
  }
}

TEST_F(SettingsFile, BothFormatsComeBackWhole) {
  Paint paint{.colour = Colour::green,
              .stripes = {Colour::blue, Colour::green},
              .coats = 4,
              .thickness = 0.012345678901234567,
              .glossy = true,
              .name = "a \"quoted\" \\ name,\nof two lines with \x01 in it, größer",
              .budget = ByteCount{123}};
  const std::string json = to_json(fields(paint)), toml = to_toml(fields(paint));
  for (const fs::path& path : {file("a.json", json), file("a.toml", toml), file("b.toml", json)}) {
    Paint back;
    read_all(fields(back), path);
    EXPECT_EQ(to_json(fields(back)), json) << path;
  }
}

TEST_F(SettingsFile, LackingAndUnknownKeysAreErrorsButForNewOnes) {
  Paint paint;
  const auto read = [&](const std::string& text) {
    const fs::path path = file("a.json", text);
    return error_of([&] { read_all(fields(paint), path); }).substr(path.string().size());
  };
  const std::string whole = to_json(fields(paint));
  const auto without = [&](const std::string& part) {
    std::string text = whole;
    text.erase(text.find(part), part.size());
    return text;
  };
  EXPECT_EQ(read(without("\"coats\": 1,")), ": lacks coats; every setting must be there");
  EXPECT_EQ(error_of([&] {
              read_all(fields(paint), file("b.json", without(",\n    \"glossy\": false")));
            }),
            "no error");
  EXPECT_EQ(read("{\"coats\": [1]}"), ": coats is array; it must be an integer from 1 to 8");
  EXPECT_EQ(read("{\"coats\": 9223372036854775808}"),
            ": coats is 9223372036854775808, past 2^63; it must be an integer from 1 to 8");
  EXPECT_EQ(read("{\"coats\": 18446744073709551617}"),
            ": coats is 1.8446744073709552e+19; it must be an integer from 1 to 8");
  EXPECT_EQ(read("{\"finish\": {\"thickness\": 1e999}}"),
            ": holds a number out of range, such as 1e999");
  EXPECT_EQ(read("{\"coats\": "),
            ": not JSON at byte 11; a run's config.json is written by lior train");
}

TEST_F(SettingsFile, TomlMistakesHaveTheirLine) {
  Paint paint;
  const auto read = [&](const std::string& text) {
    const fs::path path = file("a.toml", text);
    const std::string message = error_of([&] {
      for (const Setting& setting : read_file(path)) assign(fields(paint), setting);
    });
    EXPECT_TRUE(message.starts_with(path.string())) << message;
    return message.substr(path.string().size());
  };
  EXPECT_EQ(read("\n[finish]\nglossy = 1\n"), ":3: finish.glossy is 1; it must be true or false");
  EXPECT_EQ(read("coats = [1]\n"), ":1: coats is an array; it must be an integer from 1 to 8");
  EXPECT_TRUE(read("coats = \n").starts_with(":1: "));
  const std::string quotes = "; text stands in quotes, as in data = \"text.txt\"";
  EXPECT_TRUE(read("coats = 1\nname = door\n").ends_with(quotes));
  EXPECT_TRUE(read("name = ./door.txt").ends_with(quotes));
  EXPECT_FALSE(read("coats = 1 2\n").ends_with(quotes));
}

// libFuzzer found the first: an assertion of toml++ where its release goes on.
TEST_F(SettingsFile, ControlCharactersAreNamedWithTheirLine) {
  for (const std::string& text : {std::string("[\0a", 3), std::string("a = \"\x1b[31m\""),
                                  std::string("{\"a\": \0}", 9), std::string("\x01")}) {
    const auto path = file("a.toml", "\n" + text);
    const std::string message = error_of([&] { read_file(path); });
    EXPECT_TRUE(message.starts_with(path.string() + ":2: holds the control character \\x"))
        << message;
  }
}

// libFuzzer found "[[(" and U+0284: promises of toml++ to the compiler that a file can break.
TEST_F(SettingsFile, LettersThatOpenNoNameAreNamedWithTheirLine) {
  for (const std::string text : {"[[(", "[[[1]]]", "[[=", "[(", "[[ ", "[[", "\u0284", "\u00a7 = 1",
                                 "[\u00e9]", "a = 1 \u03b1", "a = [1,\u03b1]"}) {
    const auto path = file("a.toml", "\n" + text);
    const std::string message = error_of([&] { read_file(path); });
    EXPECT_TRUE(message.starts_with(path.string() + ":2: ")) << message;
  }
}

TEST_F(SettingsFile, AnyLetterMayStandInAText) {
  for (const std::string letter : {"\u00a7", "\u0284", "\u2028", "\u65e5", "\U0001f40d"}) {
    const std::vector<Setting> read =
        read_file(file("a.toml", "name = \"\"\"\\\n" + letter + "\"\"\"\n"));
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(std::get<std::string>(read[0].value), letter);
  }
}

// Both parsers recurse: so deep a file ended the program.
TEST_F(SettingsFile, NestingAndSizeAreBounded) {
  const std::string deep = [] {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += "{\"a\":";
    return text;
  }();
  std::string dots = "a";
  for (int i = 0; i < 30'000; ++i) dots += ".a";
  std::string arrays = "a = " + std::string(20'000, '[');
  for (const std::string& text :
       {deep, dots + " = 1\n", "[" + dots + "]\n", "'\"'." + dots + " = 1\n", arrays}) {
    const std::string message = error_of([&] { read_file(file("deep", text)); });
    EXPECT_NE(message.find(":1: nests deeper than 64"), std::string::npos) << message;
  }
  const std::string too_long = error_of(
      [&] { read_file(file("long", "a = 1\nb = '" + std::string(2'000'000, ' ') + "'\n")); });
  EXPECT_NE(too_long.find("long:2: by this line it is larger than a megabyte"), std::string::npos)
      << too_long;
  // Brackets inside strings do not nest.
  Paint paint;
  for (const Setting& s : read_file(file("a.toml", "name = \"" + std::string(100, '.') + "[[[\"")))
    assign(fields(paint), s);
  EXPECT_EQ(paint.name.size(), 103u);
}

TEST(Settings, TextThatIsNotUtf8CannotBeKept) {
  Paint paint{.name = "caf\xe9"};
  EXPECT_EQ(error_of([&] { to_json(fields(paint)); }),
            "name is \"caf\\xe9\", which is not UTF-8; a file of settings holds only what is");
}

struct Recipe {
  Table<double> amounts{{"salt", 0.5}};
  Table<std::string> steps{};
  Index people = 4;
};

Fields fields(Recipe& r) {
  return {Field("people", r.people).changes_on_resume(),
          Field("amounts", r.amounts).absent_in_old_files(),
          Field("steps", r.steps).absent_in_old_files()};
}

TEST_F(SettingsFile, TablesTakeAnyNames) {
  Recipe recipe;
  for (const Setting& one :
       read_file(file("r.toml", "[amounts]\nrice = 2\n'a b' = 5e0\n[steps]\nq = \"x;y\"\n"))) {
    assign(fields(recipe), one);
  }
  EXPECT_EQ(recipe.amounts, (Table<double>{{"a b", 5}, {"rice", 2}, {"salt", 0.5}}));
  assign(fields(recipe), flag("amounts", "rice = 3, oil=1e-3"));
  assign(fields(recipe), flag("steps", "first=min(a, b); second = 'z'"));
  EXPECT_EQ(recipe.amounts.at("rice"), 3);
  EXPECT_EQ(recipe.steps.at("first"), "min(a, b)");
  EXPECT_EQ(to_toml(fields(recipe)),
            "people = 4\n\n[amounts]\n\"a b\" = 5.0\noil = 0.001\nrice = 3.0\nsalt = 0.5\n\n"
            "[steps]\nfirst = \"min(a, b)\"\nq = \"x;y\"\nsecond = \"'z'\"\n");
  for (const auto& [name, text] : {std::pair("s.toml", to_toml(fields(recipe))),
                                   std::pair("s.json", to_json(fields(recipe)))}) {
    Recipe back;
    read_all(fields(back), file(name, text));
    EXPECT_EQ(back.amounts, recipe.amounts) << name;
    EXPECT_EQ(back.steps, recipe.steps) << name;
  }
  Recipe empty{.amounts = {}};
  EXPECT_EQ(to_toml(fields(empty)), "people = 4\n");
}

TEST(Settings, TablesRefuseWhatHasNoNameOrIsNoNumber) {
  Recipe recipe;
  const auto error = [&](const Setting& setting) {
    return error_of([&] { assign(fields(recipe), setting); });
  };
  for (const char* text : {"", "salt", "=2", "salt=", "salt=x", "salt=1,", "salt=inf"}) {
    EXPECT_EQ(error(flag("amounts", text)),
              fmt::format("--amounts is \"{}\"; it must be finite numbers with names, as a=2,b=0.5",
                          text));
  }
  EXPECT_EQ(error({"amounts.salt", std::string("x"), "r.toml:3"}),
            "r.toml:3: amounts.salt is the string \"x\"; it must be finite numbers with names, as "
            "a=2,b=0.5");
  EXPECT_EQ(error({"amounts", 2.0, "r.toml:1"}),
            "r.toml:1: amounts is 2; it must be finite numbers with names, as a=2,b=0.5");
  EXPECT_EQ(recipe.amounts, (Table<double>{{"salt", 0.5}}));
}

TEST(Settings, TablesStayWhenARunGoesOn) {
  Recipe before, after;
  after.amounts["salt"] = 2;
  const std::vector<Setting> given = {{"amounts.salt", 2.0, "r.toml:3"}};
  EXPECT_EQ(
      error_of([&] { check_resumed(fields(before), fields(after), given, "x"); }),
      "r.toml:3: amounts is salt=2, but the run to resume has salt=0.5; only people may change");
}

TEST(Settings, ARunThatGoesOnKeepsThem) {
  Paint before, after;
  after.coats = 5;
  EXPECT_EQ(error_of([&] { check_resumed(fields(before), fields(after), {}, "x"); }), "no error");
  after.colour = Colour::green;
  const std::vector<Setting> given = {flag("colour", "green")};
  EXPECT_EQ(error_of([&] { check_resumed(fields(before), fields(after), given, "x"); }),
            "--colour is green, but the run to resume has red; only coats may change");
  EXPECT_EQ(error_of([&] { check_resumed(fields(before), fields(after), {}, "--preset"); }),
            "--preset: colour is green, but the run to resume has red; only coats may change");
}

}  // namespace
}  // namespace lior::settings
