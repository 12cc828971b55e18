# SPDX-License-Identifier: GPL-2.0-or-later
"""What a campaign did, for people: an HTML page, a picture, tables for a terminal."""

from mdsieve.report.page import write_report
from mdsieve.report.picture import write_picture

__all__ = ["write_picture", "write_report"]
