# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver: the side that owns the bank, decides, and writes the store."""
