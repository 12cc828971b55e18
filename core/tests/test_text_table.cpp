// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"
#include "text_table.h"

#include <cmath>
#include <cstdlib>
#include <string>

using namespace mdsieve;

namespace {

const std::vector<ColumnKind> columns{ColumnKind::whole, ColumnKind::word, ColumnKind::real,
                                      ColumnKind::skipped};

TEST(columns_are_read_by_their_kind)
{
  const std::string text = "7 Ni 1.5 x\n -3\tH  -2e-3   y \nITEM";
  const auto table = read_text_table(text, 2, columns);
  CHECK(table.has_value());
  CHECK(table->wholes == (std::vector<std::int64_t>{7, -3}));
  CHECK(table->reals == (std::vector<double>{1.5, -2e-3}));
  CHECK(table->words == (std::vector<std::int32_t>{0, 1}));
  CHECK(table->dictionary == (std::vector<std::string>{"Ni", "H"}));
  CHECK(text.substr(table->length) == "ITEM");
}

TEST(the_last_line_needs_no_end)
{
  CHECK(read_text_table("7 Ni 1.5 x", 1, columns).has_value());
  CHECK(!read_text_table("7 Ni 1.5 x", 2, columns).has_value());
}

TEST(what_is_not_plain_is_left_to_others)
{
  for (const char *text :
       {"7 Ni 1.5\n", "7 Ni 1.5 x z\n", "\n7 Ni 1.5 x\n", "7.0 Ni 1.5 x\n", "7 Ni nan x\n", "7 Ni inf x\n",
        "7 Ni 1e999 x\n", "7 Ni 1,5 x\n", "7 Ni +1.5 x\n", "7 Ni 1.5 x\r\n", "7 N\xc3\xaf 1.5 x\n",
        "7 Ni 1_5 x\n", "99999999999999999999 Ni 1.5 x\n", ""})
    CHECK(!read_text_table(text, 1, columns).has_value());
  CHECK(!read_text_table("7 Ni 1.5 x\n", std::size_t{1} << 60, columns).has_value());
}

TEST(more_words_than_elements_are_left_to_others)
{
  std::string text;
  for (int i = 0; i < 300; ++i) text += "w" + std::to_string(i) + "\n";
  CHECK(read_text_table(text, 256, {ColumnKind::word}).has_value());
  CHECK(!read_text_table(text, 257, {ColumnKind::word}).has_value());
}

TEST(numbers_are_rounded_as_the_library_rounds_them)
{
  for (const char *word : {"0.1", "12345.678901234567", "-0.00000000", "9007199254740993", "4.9e-324", "1e22",
                           "0.1000000000000000055511151231257827021181583404541015625"}) {
    const auto table = read_text_table(word, 1, {ColumnKind::real});
    CHECK(table.has_value());
    const double expected = std::strtod(word, nullptr);
    CHECK(table->reals[0] == expected && std::signbit(table->reals[0]) == std::signbit(expected));
  }
}

TEST(lines_are_counted)
{
  const std::string text = "a\nbb\n\nc";
  CHECK(after_lines(text, 0, 0) == 0);
  CHECK(after_lines(text, 0, 1) == 2);
  CHECK(after_lines(text, 2, 2) == 6);
  CHECK(after_lines(text, 0, 4) == std::string::npos);
  CHECK(after_lines(text, text.size(), 1) == std::string::npos);
}

}    // namespace

TEST_MAIN
