// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace mdsieve {

/// Something the user wrote or handed over is wrong. what() is one line that names the file, line or
/// word and says what was expected.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Somebody else's word as it may stand in a message: quoted, printable and not too long.
inline std::string shown(std::string_view word)
{
  std::string text;
  for (const char c : word.substr(0, 40)) text += (c >= 32 && c < 127) ? c : '?';
  if (word.size() > 40) text += "...";
  return "'" + text + "'";
}

/// Somebody else's sentence as it may stand in a message: one line, without control characters, not too long.
inline std::string shown_line(std::string_view sentence)
{
  constexpr std::size_t longest = 900;
  std::string text;
  for (const char c : sentence.substr(0, longest))
    text += (static_cast<unsigned char>(c) >= 32 && c != 127) ? c : c == '\n' || c == '\t' ? ' ' : '?';
  if (sentence.size() > longest) text += "...";
  return text;
}

}    // namespace mdsieve
