# SPDX-License-Identifier: GPL-2.0-or-later
"""A campaign with all the driver's scores in a process of its own, to be killed: STORE PAUSE."""

import sys
import time
from pathlib import Path

from synthetic import FakeFix, hello, trajectory

from mdsieve.driver.config import load_config
from mdsieve.driver.service import Service

SCORES = {"extrapolation": {}, "density": {"bandwidth": 0.3}}
RULE = "keep extrapolation > 1.15 keep density > -1.5"
FRAMES = trajectory(80, seed=4)


def campaign(store, frames, pause=0.0, **settings):
    """Decide some frames; a line for each verdict once it is given."""
    service = Service(load_config(store=store, scores=SCORES, **settings))
    fix = FakeFix(service.handle)
    fix.begin(hello(rule=RULE))
    for frame in frames:
        verdict = fix.evaluate(frame, drop=False)
        print(verdict.step, verdict.verdict, flush=True)
        time.sleep(pause)
    return service.close()


if __name__ == "__main__":
    sys.exit(campaign(Path(sys.argv[1]), FRAMES, float(sys.argv[2])))
