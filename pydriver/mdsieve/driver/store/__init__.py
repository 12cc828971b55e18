# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: one SQLite file a campaign, an ASE database with our own tables beside (``docs/store.md``)."""

from mdsieve.driver.store.records import Environment, Evaluation, KeptFrame, as_arrays
from mdsieve.driver.store.schema import FORMAT, BlankStoreError, StoreError
from mdsieve.driver.store.writing import FrameStore

__all__ = [
    "FORMAT",
    "BlankStoreError",
    "Environment",
    "Evaluation",
    "FrameStore",
    "KeptFrame",
    "StoreError",
    "as_arrays",
]
