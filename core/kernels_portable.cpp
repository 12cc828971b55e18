// SPDX-License-Identifier: GPL-2.0-or-later
#define MDSIEVE_KERNELS portable_kernels
#define MDSIEVE_KERNELS_NAME "portable"
#define MDSIEVE_VECTOR_BYTES 16
#include "kernels.inl"
