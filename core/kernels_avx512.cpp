// SPDX-License-Identifier: GPL-2.0-or-later
#define MDSIEVE_KERNELS avx512_kernels
#define MDSIEVE_KERNELS_NAME "avx512"
#define MDSIEVE_VECTOR_BYTES 64
#include "kernels.inl"
