# SPDX-License-Identifier: GPL-2.0-or-later
"""Analysis of multiorder-multithermal ensembles, the runs of ``fix momt``."""

from mdsieve.momt.blocks import Blocks, Bootstrap, Estimate, record_blocks, time_blocks
from mdsieve.momt.flatness import Flatness, flatness, visits_of
from mdsieve.momt.melting import HeatCapacityPeak, MeltingPoint, heat_capacity_peak, log_ratio, melting_point
from mdsieve.momt.phases import Passages, PhaseBounds, default_bounds, find_passages
from mdsieve.momt.records import Record, read_record
from mdsieve.momt.reweighting import Means, Reweighting, means, reweight
from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Weight

__all__ = [
    "Blocks",
    "Bootstrap",
    "Estimate",
    "Flatness",
    "HeatCapacityPeak",
    "Means",
    "MeltingPoint",
    "Passages",
    "PhaseBounds",
    "Record",
    "Reweighting",
    "Samples",
    "Weight",
    "default_bounds",
    "find_passages",
    "flatness",
    "heat_capacity_peak",
    "log_ratio",
    "means",
    "melting_point",
    "read_record",
    "record_blocks",
    "reweight",
    "time_blocks",
    "visits_of",
]
