# SPDX-License-Identifier: GPL-2.0-or-later
"""Encoders: frames become rows of numbers, each frame one row of the same length."""
