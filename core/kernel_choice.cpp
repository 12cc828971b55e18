// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernels.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace mdsieve {

const Kernels *find_kernels(const char *name)
{
  const std::string wanted = name;
#ifdef MDSIEVE_X86_KERNELS
  if (wanted == avx512_kernels.name && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return &avx512_kernels;
  if (wanted == avx2_kernels.name && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &avx2_kernels;
#endif
  if (wanted == portable_kernels.name) return &portable_kernels;
  return nullptr;
}

namespace {

const Kernels *chosen_kernels = nullptr;
int chosen_moment_limit = -1;

const Kernels &choose_kernels()
{
  if (const char *wanted = std::getenv("MDSIEVE_INSTRUCTION_SET"))
    if (const Kernels *kernels = find_kernels(wanted)) return *kernels;
  for (const char *name : {"avx512", "avx2"})
    if (const Kernels *kernels = find_kernels(name)) return *kernels;
  return portable_kernels;
}

}    // namespace

const Kernels &default_kernels()
{
  static const Kernels &kernels = choose_kernels();
  return chosen_kernels != nullptr ? *chosen_kernels : kernels;
}

void use_kernels(const Kernels &kernels) { chosen_kernels = &kernels; }

void fix_moment_limit(int limit) { chosen_moment_limit = limit < 0 ? -1 : std::min(limit, max_moment_rank); }

int fixed_moment_limit() { return chosen_moment_limit; }

}    // namespace mdsieve
