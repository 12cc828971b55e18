// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// Compile a function for AVX2 beside the baseline and choose when the program is loaded. Fused multiply-add
/// is left out on purpose: without it all versions round alike.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define MDSIEVE_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define MDSIEVE_CLONES
#endif

namespace mdsieve {

/// Lanes of one register; operations on them are element by element, the same on every instruction set.
typedef float float8 __attribute__((vector_size(32), may_alias));
typedef double double4 __attribute__((vector_size(32), may_alias));
/// The same at any address.
typedef double double4_anywhere __attribute__((vector_size(32), aligned(8), may_alias));

}    // namespace mdsieve
