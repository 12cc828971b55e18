# SPDX-License-Identifier: GPL-2.0-or-later
"""Files in other formats."""
