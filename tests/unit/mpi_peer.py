# SPDX-License-Identifier: GPL-2.0-or-later
"""LAMMPS' side of the link over MPI without LAMMPS: one world a rank. Started by `test_service_mpi`."""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI
from synthetic import FakeFix, hello, trajectory

from mdsieve.driver.messages import Bye, DriverHere, Fatal, Goodbye, Hello, RunEnd, Verdict, decode, encode

COMM = MPI.COMM_WORLD


class Line:
    """Messages to and from the driver, in the way of the fix: polling, never blocking."""

    def __init__(self):
        self.driver = None
        self.requests = []

    def find_driver(self):
        (announcement, status) = self.receive(7341, MPI.ANY_SOURCE)
        assert announcement == DriverHere(1)
        self.driver = status.Get_source()

    def post(self, data):
        words = np.frombuffer(data, "<i8")
        self.requests.append((COMM.Isend([words, MPI.INT64_T], self.driver, 7342), words))

    def receive(self, tag, source=None, patience=30.0):
        status = MPI.Status()
        end = time.monotonic() + patience
        while not COMM.Iprobe(self.driver if source is None else source, tag, status):
            assert time.monotonic() < end, f"nothing with tag {tag} within {patience} s"
            time.sleep(0.001)
        words = np.empty(status.Get_count(MPI.INT64_T), "<i8")
        COMM.Recv([words, MPI.INT64_T], status.Get_source(), status.Get_tag(), status)
        return decode(words).message, status

    def handle(self, world, channel, message):
        """Ask and wait."""
        self.post(encode(channel, message))
        return self.receive(7343 + channel)[0] if not isinstance(message, Bye | RunEnd) else None

    def goodbye(self, barrier):
        """Part as LAMMPS does: take everything until the driver's goodbye has come back."""
        self.post(encode(0, Goodbye(1, barrier)))
        while not isinstance(self.receive(MPI.ANY_TAG)[0], Goodbye):
            pass
        MPI.Request.Waitall([request for request, _ in self.requests])
        if barrier:
            COMM.Barrier()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--ending", default="end", choices=["end", "quit", "garbage", "silent"])
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--hello", type=json.loads, default={})
    arguments = parser.parse_args()

    COMM.Split(1, COMM.rank)
    line = Line()
    line.find_driver()
    fix = FakeFix(line.handle, world=COMM.rank)
    reply = fix.begin(hello(**arguments.hello))
    failed = isinstance(reply, Fatal)
    waiting = 0
    for snapshot in trajectory(arguments.frames, seed=COMM.rank + 1) if not failed else ():
        time.sleep(arguments.pause)
        line.post(encode(0, fix.frame(snapshot)))
        waiting += 1
        if waiting == arguments.depth:
            reply, waiting = line.receive(7343)[0], waiting - 1
            fix.take(reply)
            if failed := isinstance(reply, Fatal):
                break
    while waiting and not failed:
        reply, waiting = line.receive(7343)[0], waiting - 1
        fix.take(reply)
    if arguments.ending == "garbage":
        line.post(encode(0, Hello({}))[:-8])
        reply = line.receive(7343)[0]
        failed = isinstance(reply, Fatal)
    kept = [verdict.step for verdict in fix.verdicts if isinstance(verdict, Verdict) and verdict.verdict == 1]
    said = {"kept": kept, "verdicts": len(fix.verdicts), "fatal": reply.text if failed else None}
    Path(f"peer{COMM.rank}.json").write_text(json.dumps(said))
    if arguments.ending == "silent":
        time.sleep(60)
    if not failed:
        line.handle(0, 0, RunEnd({"evaluated": arguments.frames, "steps": 10 * arguments.frames}))
        line.handle(0, 0, Bye())
    line.goodbye(barrier=arguments.ending != "quit")
    sys.exit(1 if failed else 0)


main()
