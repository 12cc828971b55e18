# SPDX-License-Identifier: GPL-2.0-or-later
"""Learning on the way: MD, frames that are worth it, labels, training, and again."""
