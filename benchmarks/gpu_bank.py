# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank's questions on a GPU: share of the card's peak, and the compiled bank on one core beside it.

Entries and queries are points near a curved surface with thermal noise, 40 columns; every answer is compared
with the compiled bank's. The peak is measured: one large product of matrices in single precision (no TF32).
The share counts 2 · queries · entries · columns operations, what a search without pruning must do. Without a
GPU the same code runs on the processor with a fiftieth of the entries and a tenth of the queries: that it
runs and is right shows, not what it is for. Usage:

    python benchmarks/gpu_bank.py [--entries 1000000] [--queries 32000] [--repeats 5]
"""

import argparse
import time

import numpy as np
from _record import shown, spread, store

from mdsieve import _core

COLUMNS = 40
THRESHOLD = 0.3


def points(n: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    u, v = random.normal(size=(2, n, 1))
    column = np.arange(COLUMNS)
    return np.sin(u + column / 5) + v * np.cos(column / 3) + 0.03 * random.normal(size=(n, COLUMNS))


def peak(torch, device: str) -> float:
    """Operations a second of a large product in single precision."""
    n = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(n, n, device=device) for _ in range(2))
    torch.backends.cuda.matmul.allow_tf32 = False
    finish = torch.cuda.synchronize if device == "cuda" else lambda: None
    best = 0.0
    for _ in range(5):
        finish()
        begin = time.perf_counter()
        a @ b
        finish()
        best = max(best, 2 * n**3 / (time.perf_counter() - begin))
    return best


def timed(call, repeats: int) -> tuple[dict[str, float], np.ndarray]:
    """Seconds and the answer; the first call warms up."""
    answer = call()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        answer = call()  # the answer is on the host: nothing is left running
        seconds.append(time.perf_counter() - begin)
    return spread(seconds), answer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int)
    parser.add_argument("--queries", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("no PyTorch here: nothing to measure")
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "processor (no GPU here)"
    options.entries = options.entries or (1_000_000 if device == "cuda" else 20_000)
    options.queries = options.queries or (32_000 if device == "cuda" else 3_200)

    from mdsieve.device_search import DeviceSearch

    native = _core.EnvironmentBank(
        "", "", ["Ni"], [COLUMNS], [6.0], [THRESHOLD], _core.Scaling.identity([COLUMNS])
    )
    entries, queries = points(options.entries, 1), points(options.queries, 2).ravel()
    native.add(np.zeros(len(entries), np.int32), np.zeros((len(entries), 3), np.int64), entries.ravel())
    searched = DeviceSearch(native, device)
    elements = np.zeros(options.queries, np.int32)
    operations = 2.0 * options.queries * options.entries * COLUMNS
    fastest = peak(torch, device)
    print(f"{name}: {fastest / 1e12:.1f} Tflop/s in one product, single precision")
    rows = []
    for question in ("select_new", "distances"):
        gpu, found = timed(lambda q=question: getattr(searched, q)(elements, queries), options.repeats)
        core, expected = timed(lambda q=question: getattr(native, q)(elements, queries), 1)
        if not np.array_equal(found, expected):
            raise SystemExit(f"{question}: the device's answer is not that of the compiled bank")
        share = operations / gpu["median"] / fastest
        rows.append(
            {"question": question, "device_seconds": gpu, "core_seconds": core, "share_of_peak": share}
        )
        print(
            f"{question:12} {shown(gpu)} s, {100 * share:.0f} % of peak; "
            f"compiled bank, one core: {shown(core)} s"
        )
    content = {"device": name, "peak_flops": fastest, "options": vars(options)}
    print(f"all in {store('gpu_bank', {**content, 'rows': rows}, ('torch', 'numpy'))}")


if __name__ == "__main__":
    main()
