# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands that take long say while they work."""

import logging


def log_to_stderr() -> None:
    """Show mdsieve's own messages from INFO on; those of other packages stay as they are."""
    logging.getLogger("mdsieve").setLevel(logging.INFO)
