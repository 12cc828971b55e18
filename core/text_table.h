// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// What to make of a column of a table of words.
enum class ColumnKind { skipped, real, whole, word };

/// Columns of a table of words, one value a row of each.
struct TextTable {
  std::vector<double> reals;           ///< row after row, of the columns that are real
  std::vector<std::int64_t> wholes;    ///< row after row, of the columns that are whole
  std::vector<std::int32_t> words;     ///< row after row, numbers in `dictionary`
  std::vector<std::string> dictionary;
  std::size_t length = 0;    ///< bytes read
};

/// \brief Read lines of words that are separated by blanks or tabs, one row a line.
///
/// Nothing is returned where anything is out of the ordinary (a word that is not its column's kind or not
/// finite, too few or too many words, blank lines, characters that are not ASCII, more than 256 different
/// words): a reader that can say what is wrong is to be asked then. Numbers are rounded correctly.
std::optional<TextTable> read_text_table(std::string_view text, std::size_t n_rows,
                                         const std::vector<ColumnKind> &kinds);

/// \brief The place after the n-th line end at or after `begin`; npos if there are fewer.
std::size_t after_lines(std::string_view text, std::size_t begin, std::size_t n) noexcept;

}    // namespace mdsieve
