# SPDX-License-Identifier: GPL-2.0-or-later
"""How alike structures are: kernels, and what they say of a data set and of a subset."""
