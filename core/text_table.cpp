// SPDX-License-Identifier: GPL-2.0-or-later
#include "text_table.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>

namespace mdsieve {

namespace {

constexpr std::size_t most_words = 256;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_plain(char c) { return c > ' ' && c <= '~'; }

template <typename T> bool read_number(std::string_view word, T &value)
{
  const char *const begin =
      word.data();    // NOLINT(bugprone-suspicious-stringview-data-usage): its end is given
  const char *const end = begin + word.size();
  const auto [last, error] = std::from_chars(begin, end, value);
  return error == std::errc() && last == end;
}

/// The number of a word; -1 if there are too many.
std::int32_t number_of(std::string_view word, std::vector<std::string> &dictionary)
{
  for (std::size_t i = 0; i < dictionary.size(); ++i)
    if (dictionary[i] == word) return static_cast<std::int32_t>(i);
  if (dictionary.size() == most_words) return -1;
  dictionary.emplace_back(word);
  return static_cast<std::int32_t>(dictionary.size() - 1);
}

bool take(std::string_view word, ColumnKind kind, TextTable &table)
{
  switch (kind) {
  case ColumnKind::skipped: return true;
  case ColumnKind::real: {
    double value = 0.0;
    if (!read_number(word, value) || !std::isfinite(value)) return false;
    table.reals.push_back(value);
    return true;
  }
  case ColumnKind::whole: {
    std::int64_t value = 0;
    if (!read_number(word, value)) return false;
    table.wholes.push_back(value);
    return true;
  }
  case ColumnKind::word: {
    const std::int32_t number = number_of(word, table.dictionary);
    if (number < 0) return false;
    table.words.push_back(number);
    return true;
  }
  }
  return false;
}

/// Read one line from `at` on, its end included.
bool read_row(std::string_view text, std::size_t &at, const std::vector<ColumnKind> &kinds, TextTable &table)
{
  for (const ColumnKind kind : kinds) {
    while (at < text.size() && is_blank(text[at])) ++at;
    const std::size_t begin = at;
    while (at < text.size() && is_plain(text[at])) ++at;
    if (at == begin || !take(text.substr(begin, at - begin), kind, table)) return false;
  }
  while (at < text.size() && is_blank(text[at])) ++at;
  if (at == text.size()) return true;
  return text[at++] == '\n';
}

}    // namespace

std::optional<TextTable> read_text_table(std::string_view text, std::size_t n_rows,
                                         const std::vector<ColumnKind> &kinds)
{
  if (n_rows > text.size()) return std::nullopt;    // believed before memory is taken for it
  TextTable table;
  const auto rows_of = [&](ColumnKind kind) {
    std::size_t n = 0;
    for (const ColumnKind k : kinds) n += k == kind;
    return n * n_rows;
  };
  table.reals.reserve(rows_of(ColumnKind::real));
  table.wholes.reserve(rows_of(ColumnKind::whole));
  table.words.reserve(rows_of(ColumnKind::word));
  for (std::size_t row = 0; row < n_rows; ++row)
    if (!read_row(text, table.length, kinds, table)) return std::nullopt;
  return table;
}

std::size_t after_lines(std::string_view text, std::size_t begin, std::size_t n) noexcept
{
  const char *at = text.data() + begin;
  const char *const end = text.data() + text.size();
  for (; n > 0; --n) {
    if (at >= end) return std::string_view::npos;
    at = static_cast<const char *>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    if (!at) return std::string_view::npos;
    ++at;
  }
  return static_cast<std::size_t>(at - text.data());
}

}    // namespace mdsieve
