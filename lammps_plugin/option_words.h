// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_error.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace mdsieve {

/// \throws InputError always
[[noreturn]] inline void complain(const std::string &what) { throw InputError(shown_line(what)); }

/// Walks through the words; every keyword takes what it needs.
class Words {
 public:
  explicit Words(const std::vector<std::string> &words) : words_(words) {}

  bool empty() const { return next_ >= words_.size(); }
  const std::string &peek() const { return words_[next_]; }

  const std::string &take(const std::string &keyword, const std::string &expected)
  {
    if (empty()) complain(keyword + ": expected " + expected + " after it, found the end of the command");
    return words_[next_++];
  }

  double number(const std::string &keyword, const std::string &expected)
  {
    const std::string &word = take(keyword, expected);
    const double value = as_number(word);
    if (std::isnan(value)) complain(keyword + " " + word + ": expected " + expected);
    return value;
  }

  std::int64_t integer(const std::string &keyword, const std::string &expected, std::int64_t smallest)
  {
    const double value = number(keyword, expected);
    if (value != std::floor(value) || value < static_cast<double>(smallest) || value > 9.0e15)
      complain(keyword + " " + words_[next_ - 1] + ": expected " + expected);
    return static_cast<std::int64_t>(value);
  }

  template <typename T> T choice(const std::string &keyword, const std::map<std::string, T> &choices)
  {
    std::string expected;
    for (const auto &[name, value] : choices) expected += (expected.empty() ? "" : " | ") + name;
    const std::string &word = take(keyword, expected);
    const auto found = choices.find(word);
    if (found == choices.end()) complain(keyword + " " + word + ": expected " + expected);
    return found->second;
  }

  /// The next word, if it is one of the choices.
  template <typename T> bool optional_choice(const std::map<std::string, T> &choices, T &value)
  {
    if (empty()) return false;
    const auto found = choices.find(peek());
    if (found == choices.end()) return false;
    value = found->second;
    next_++;
    return true;
  }

  /// The word as a finite number, NaN if it is none.
  static double as_number(const std::string &word)
  {
    char *end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    return (word.empty() || *end != '\0' || !std::isfinite(value)) ? std::nan("") : value;
  }

 private:
  const std::vector<std::string> &words_;
  std::size_t next_ = 0;
};

/// The next word, a number above 0.
inline double positive(Words &words, const std::string &keyword)
{
  const double value = words.number(keyword, "a number > 0");
  if (value <= 0.0) complain(keyword + ": expected a number > 0, found " + std::to_string(value));
  return value;
}

}    // namespace mdsieve
