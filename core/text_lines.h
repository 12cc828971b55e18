// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <vector>

namespace mdsieve {

/// The words of a line, separated by blanks.
inline std::vector<std::string_view> split_words(std::string_view line)
{
  constexpr std::string_view blank = " \t\r\f\v";
  std::vector<std::string_view> words;
  std::size_t at = line.find_first_not_of(blank);
  while (at != std::string_view::npos) {
    std::size_t end = line.find_first_of(blank, at);
    if (end == std::string_view::npos) end = line.size();
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(blank, end);
  }
  return words;
}

/// Call take(line number from 1, words) for each line that has words before a comment begins.
/// \param comments  characters that begin one
template <class Take> void for_each_line(std::string_view text, std::string_view comments, const Take &take)
{
  int line = 0;
  std::size_t at = text.substr(0, 3) == "\xef\xbb\xbf" ? 3 : 0;    // some editors mark UTF-8 so
  while (at < text.size()) {
    line++;
    std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view content = text.substr(at, end - at);
    at = end + 1;
    const auto words = split_words(content.substr(0, content.find_first_of(comments)));
    if (!words.empty()) take(line, words);
  }
}

/// A word as a finite number in any locale, NaN if it is none; Fortran's D exponents are accepted.
inline double number_of(std::string_view word)
{
  constexpr std::size_t longest = 63;
  char digits[longest + 1];
  if (word.size() > 1 && word[0] == '+' && word[1] != '-') word.remove_prefix(1);
  if (word.empty() || word.size() > longest) return std::nan("");
  for (std::size_t i = 0; i < word.size(); i++) digits[i] = word[i] == 'D' || word[i] == 'd' ? 'e' : word[i];
  double value = 0.0;
  const auto [end, error] = std::from_chars(digits, digits + word.size(), value);
  const bool whole = error == std::errc() && end == digits + word.size() && std::isfinite(value);
  return whole ? value : std::nan("");
}

}    // namespace mdsieve
