// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// What a fuzz target gives: `LLVMFuzzerTestOneInput`, as libFuzzer wants it (0: input accepted, -1:
/// refused), and the start of a corpus for the driver in fuzz_main.cpp, which needs no libFuzzer.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

std::vector<std::string> corpus();    ///< sound inputs to start from
std::vector<std::string> words();     ///< pieces worth inserting

/// Whether the core under test reports the branches it takes (fuzz_edges.cpp; sanitizer builds with GCC).
bool edges_are_watched();
/// Whether anything happened since the last call that never happened before.
bool took_new_edges();

/// A property that must hold for every input.
inline void require(bool holds, const char *what, std::string_view detail = "")
{
  if (holds) return;
  std::fprintf(stderr, "fuzz: violated: %s %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

/// A refusal is one line, printable, and not as long as its input wishes.
inline void require_message(std::string_view message)
{
  for (const char c : message) require(c >= 32 && c < 127, "a message is one printable line:", message);
  require(!message.empty() && message.size() < 1000, "a message has less than 1000 characters:", message);
}

/// The same of one that quotes others, in any language.
inline void require_line(std::string_view message)
{
  for (const char c : message)
    require(static_cast<unsigned char>(c) >= 32 && c != 127, "a message has no control characters:", message);
  require(message.size() < 1000, "a message has less than 1000 characters:", message);
}

}    // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);
