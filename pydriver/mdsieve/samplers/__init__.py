# SPDX-License-Identifier: GPL-2.0-or-later
"""Choosing frames from trajectories that exist already."""
