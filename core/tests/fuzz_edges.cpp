// SPDX-License-Identifier: GPL-2.0-or-later
/// Which branches an execution takes: the other end of GCC's -fsanitize-coverage=trace-pc. Not compiled with
/// it.
#include "fuzz.h"

#include <array>

namespace {

constexpr std::size_t n_edges = std::size_t(1) << 16;

std::array<std::uint8_t, n_edges> counts, seen;
std::array<std::uint32_t, n_edges> touched;
std::size_t n_touched = 0;
std::uintptr_t previous = 0;
bool watched = false;

/// One bit for each power of two: a loop that runs twice as often counts as something new.
std::uint8_t magnitude(std::uint8_t count)
{
  std::uint8_t bit = 1;
  while (count > 1 && bit < 0x80) {
    count = static_cast<std::uint8_t>(count >> 1);
    bit = static_cast<std::uint8_t>(bit << 1);
  }
  return bit;
}

}    // namespace

// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is the compiler's
extern "C" void __sanitizer_cov_trace_pc()
{
  // as a distance within the program: the same on every run
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) -
                    reinterpret_cast<std::uintptr_t>(&counts);
  const auto edge = static_cast<std::uint32_t>(((here ^ (previous << 1)) * 0x9E3779B97F4A7C15ull) >> 48);
  previous = here;
  watched = true;
  if (counts[edge] == 0 && n_touched < n_edges) touched[n_touched++] = edge;
  if (counts[edge] < 0xff) ++counts[edge];
}

bool fuzz::edges_are_watched() { return watched; }

bool fuzz::took_new_edges()
{
  bool is_new = false;
  for (std::size_t i = 0; i < n_touched; ++i) {
    const std::uint32_t edge = touched[i];
    const std::uint8_t bit = magnitude(counts[edge]);
    is_new = is_new || !(seen[edge] & bit);
    seen[edge] = static_cast<std::uint8_t>(seen[edge] | bit);
    counts[edge] = 0;
  }
  n_touched = 0;
  previous = 0;
  return is_new;
}
