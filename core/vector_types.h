// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// Compile a function for AVX2 beside the baseline and choose when the program is loaded. Fused multiply-add
/// is left out on purpose: without it all versions round alike.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) &&                  \
    !defined(__clang__) && !defined(MDSIEVE_NO_CLONES)
#define MDSIEVE_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define MDSIEVE_CLONES
#endif

namespace mdsieve {

/// Lanes of one register; operations on them are element by element, the same on every instruction set.
typedef float float8 __attribute__((vector_size(32), may_alias));
typedef double double4 __attribute__((vector_size(32), may_alias));
/// The same at any address.
typedef float float8_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef double double4_anywhere __attribute__((vector_size(32), aligned(8), may_alias));

#ifdef __clang__
#define MDSIEVE_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int mask8 __attribute__((vector_size(32)));
#define MDSIEVE_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, mask8{__VA_ARGS__})
#endif

/// The sums over the lanes of a and of b, in lanes 0 and 4.
__attribute__((always_inline)) inline float8 sums_of(float8 a, float8 b)
{
  const float8 half =
      MDSIEVE_SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11) + MDSIEVE_SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  const float8 quarter = half + MDSIEVE_SHUFFLE(half, half, 2, 3, 0, 1, 6, 7, 4, 5);
  return quarter + MDSIEVE_SHUFFLE(quarter, quarter, 1, 0, 3, 2, 5, 4, 7, 6);
}

}    // namespace mdsieve
