// SPDX-License-Identifier: GPL-2.0-or-later
#define MDSIEVE_KERNELS avx2_kernels
#define MDSIEVE_KERNELS_NAME "avx2"
#define MDSIEVE_VECTOR_BYTES 32
#include "kernels.inl"
