# SPDX-License-Identifier: GPL-2.0-or-later
"""What one driver rank takes in over MPI on this machine: real messages, real bank, real store.

Two ranks: one sends FRAMEs as a fix in stream mode does (up to four on the way), the other is the driver.

positions     atoms with positions and forces, nothing unknown at the source
candidates    every atom with its fingerprint (40 columns), all of them known to the bank of 2000 entries
stored        atoms and one new environment a frame: each frame is a transaction on disk

MB/CPU s is per second of processor time of the driver's rank: what it can take on a core of its own. Memory
is the driver's resident set after a tenth of the frames and at the end, and its largest and least from there
on, ten times looked at. Usage:

    python benchmarks/bench_link.py [--cases positions candidates stored] [--atoms 32000] [--megabytes 500]

Memory over 10⁵ frames: --cases positions candidates --atoms 100 --frames 100000.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _record import store

COLUMNS = 40
DEPTH = 4
N_ENTRIES = 2000
CASES = ("positions", "candidates", "stored")


def descriptor() -> str:
    lines = ["elements Ni", "cutoff_type 1"]
    lines += [f"symfunction_short Ni 2 Ni 4.0 {0.1 * i + 1.5:.2f} 6.0" for i in range(COLUMNS)]
    return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def points(n: int, seed: int) -> np.ndarray:
    """Fingerprints on a smooth surface of two dimensions, so that all are near some entry."""
    u, v = np.random.default_rng(seed).random((2, n, 1))
    return np.sin(3 * u + np.arange(COLUMNS) / 5) + v * np.cos(np.arange(COLUMNS) / 3)


def driver_side(options) -> None:
    """Be `mdsieve drive`, and note the memory now and then."""
    from mpi4py import MPI

    from mdsieve.driver.config import DriverConfig
    from mdsieve.driver.link import MPILink
    from mdsieve.driver.messages import Frame
    from mdsieve.driver.service import Service
    from mdsieve.driver.serving import serve_mpi

    memory: list[int] = []
    looks = {max(1, options.frames * i // 10) for i in range(1, 11)}
    busy: list[float] = []

    class Watched(Service):
        seen = 0

        def handle(self, world, channel, message):
            if isinstance(message, Frame) and not self.seen:
                busy.append(time.process_time())
            reply = super().handle(world, channel, message)
            if isinstance(message, Frame):
                self.seen += 1
                if self.seen == options.frames:
                    busy.append(time.process_time())
                if self.seen in looks:
                    memory.append(resident_bytes())
            return reply

    MPI.COMM_WORLD.Split(0, 1)
    link = MPILink(MPI.COMM_WORLD)
    service = Watched(DriverConfig(store=Path("store.db"), progress=3600))
    link.announce()
    try:
        serve_mpi(service, link, lambda: None)
    except Exception as error:  # the other side waits for ever otherwise
        print(error, file=sys.stderr)
        MPI.COMM_WORLD.Abort(1)
    code = service.close()
    link.close()
    Path("driver.json").write_text(json.dumps({"memory": memory, "busy": busy[1] - busy[0]}))
    sys.exit(code)


def frames_of(case: str, n_frames: int, n_atoms: int):
    """One FRAME after the other."""
    from mdsieve.driver.messages import Frame

    random = np.random.default_rng(1)
    cell = np.eye(3) * 100.0
    vectors = random.random((n_atoms, 3)) * 100
    ids = np.arange(1, n_atoms + 1)
    elements = np.zeros(n_atoms, np.int32)
    known = points(n_atoms, seed=2)
    for i in range(n_frames):
        parts = {}
        if case != "candidates":
            parts = {"ids": ids, "elements": elements, "positions": vectors, "forces": vectors}
        if case == "candidates":
            parts |= {"candidate_ids": ids, "candidate_elements": elements, "fingerprints": known.ravel()}
        if case == "stored":
            new = np.full(COLUMNS, 100.0 + 10 * i)
            parts |= {"candidate_ids": ids[:1], "candidate_elements": elements[:1], "fingerprints": new}
        revision = N_ENTRIES + (max(0, i - DEPTH) if case == "stored" else 0)
        yield Frame(
            10 * i, 0.01 * i, i + 1, n_atoms, cell, np.zeros(3), 7, -1.0, revision=revision, **parts
        )  # fmt: skip


def fix_side(options) -> None:
    """Send as the fix does: never more than a few frames without an answer."""
    from mpi4py import MPI

    from mdsieve import _core
    from mdsieve.driver.messages import Bye, Fatal, Goodbye, Hello, decode, encode

    comm = MPI.COMM_WORLD
    comm.Split(1, 0)
    requests: list = []

    def post(message) -> int:
        words = np.frombuffer(encode(0, message), "<i8")
        requests.append((comm.Isend([words, MPI.INT64_T], 1, 7342), words))
        while len(requests) > DEPTH + 1:
            requests.pop(0)[0].Wait()
        return words.nbytes

    def receive(tag: int):
        status = MPI.Status()
        while not comm.Iprobe(1, tag, status):
            time.sleep(50e-6)
        words = np.empty(status.Get_count(MPI.INT64_T), "<i8")
        comm.Recv([words, MPI.INT64_T], 1, status.Get_tag(), status)
        message = decode(words).message
        if isinstance(message, Fatal):
            sys.exit(message.text)
        return message

    text = descriptor()
    parsed = _core.parse_input_nn(text, "bench.nn", "angstrom")
    bank = _core.EnvironmentBank(
        text, parsed.hash, ["Ni"], [COLUMNS], [6.0], [1.0], _core.Scaling.identity([COLUMNS])
    )
    entries = points(N_ENTRIES, seed=3)
    bank.add(np.zeros(N_ENTRIES, np.int32), np.zeros((N_ENTRIES, 3), np.int64), entries.ravel())
    info = {
        "protocol": 1, "mdsieve": "bench", "lammps": "bench", "world_ranks": 1, "partition": 0, "fix": "sel",
        "units": "metal", "nevery": 10, "elements": ["Ni"], "descriptor_name": "bench.nn",
        "descriptor_hash": parsed.hash, "descriptor_text": text, "length_unit": "angstrom",
        "precision": "double", "thresholds": [1.0],
        "scaling": {"source": "bank", "kind": "none", "pilot": 0, "name": "", "text": ""},
        "rule": "keep novelty > 1", "mode": "stream", "depth": DEPTH, "fields": ["f"], "lost": 600.0,
    }  # fmt: skip
    receive(7341)
    post(Hello(info, bank.serialise()))
    receive(7343)
    n_bytes = waiting = 0
    verdicts: list[int] = []
    begin = time.perf_counter()
    for frame in frames_of(options.case, options.frames, options.atoms):
        n_bytes += post(frame)
        waiting += 1
        if waiting == DEPTH:
            verdicts.append(receive(7343).verdict)
            waiting -= 1
    verdicts += [receive(7343).verdict for _ in range(waiting)]
    seconds = time.perf_counter() - begin
    post(Bye())
    post(Goodbye(1, True))
    while not isinstance(receive(MPI.ANY_TAG), Goodbye):
        pass
    MPI.Request.Waitall([request for request, _ in requests])
    comm.Barrier()
    row = {"frames": options.frames, "bytes": n_bytes, "seconds": seconds, "verdicts": sorted(set(verdicts))}
    Path("fix.json").write_text(json.dumps(row))


def measure(case: str, n_frames: int, n_atoms: int) -> dict:
    """One case in a folder of its own."""
    mpiexec = str(Path(sys.executable).parent / "mpiexec")
    words = ["--case", case, "--frames", str(n_frames), "--atoms", str(n_atoms)]
    program = [sys.executable, str(Path(__file__).resolve())]
    with tempfile.TemporaryDirectory() as folder:
        command = [mpiexec, "-n", "1", *program, "--side", "fix", *words]
        command += [":", "-n", "1", *program, "--side", "driver", *words]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        row = json.loads(Path(folder, "fix.json").read_text())
        driver = json.loads(Path(folder, "driver.json").read_text())
    expected = [1] if case == "stored" else [0]
    if row["verdicts"] != expected:
        sys.exit(f"{case}: verdicts {row['verdicts']}, expected {expected}")
    row |= {"memory_bytes": driver["memory"], "driver_processor_seconds": driver["busy"]}
    row["megabytes_a_second"] = row["bytes"] / row["seconds"] / 1e6
    row["megabytes_a_processor_second"] = row["bytes"] / driver["busy"] / 1e6
    return {"case": case, "atoms": n_atoms, **row}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--atoms", type=int, default=32000)
    parser.add_argument("--megabytes", type=int, default=500, help="to send in each of the first two cases")
    parser.add_argument("--frames", type=int, help="instead of --megabytes")
    parser.add_argument("--stored", type=int, default=50, help="frames of the last case")
    parser.add_argument("--json", type=Path, help="file to write instead of results/link.json")
    parser.add_argument("--side", choices=["fix", "driver"], help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        (fix_side if options.side == "fix" else driver_side)(options)
        return
    rows = []
    print(
        f"{'case':12}{'bytes a frame':>15}{'frames/s':>12}{'MB/s':>10}{'MB/CPU s':>10}   driver's memory, MB"
    )
    for case in options.cases:
        each = options.atoms * (12 + 8 * COLUMNS if case == "candidates" else 60)
        n_frames = options.frames or max(10, int(options.megabytes * 1e6 / each))
        row = measure(case, options.stored if case == "stored" else n_frames, options.atoms)
        rows.append(row)
        sizes = [round(m / 1e6, 1) for m in row["memory_bytes"]]
        memory = f"{sizes[0]} → {sizes[-1]} ({min(sizes)} to {max(sizes)})"
        print(
            f"{case:12}{row['bytes'] / row['frames']:15.0f}{row['frames'] / row['seconds']:12.1f}"
            f"{row['megabytes_a_second']:10.0f}{row['megabytes_a_processor_second']:10.0f}   {memory}",
            flush=True,
        )
    print(f"all in {store('link', {'rows': rows}, ('mpi4py', 'numpy'), options.json)}")


if __name__ == "__main__":
    main()
