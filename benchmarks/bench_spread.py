# SPDX-License-Identifier: GPL-2.0-or-later
"""Atomic spread of an ensemble of networks on fingerprints: environments a second, and the loop over members.

Five members, random weights; the paper's network (54 inputs, 224-192-160, GELU) and a small one (40 inputs,
30-30, tanh). `batched`: NetworkEnsemble.atomic_spread, fingerprints from and spreads to the host. `loop`: the
members one after the other, their energies gathered on the host. `frames`: batched, a call for each frame of
500 atoms, as a driver has them. `resident`: fingerprints that are on the device already. The share of the
peak counts 2 operations a weight, member and environment against one large product of the same precision.
The first columns are processor time on a processor, wall time on a GPU. Usage:

    python benchmarks/bench_spread.py [--environments 20000] [--device cpu] [--repeats 3]
"""

import argparse
import time
from itertools import pairwise

import numpy as np
import torch
from _record import shown, spread, store

from mdsieve import SymmetryFunctions
from mdsieve.potentials import Architecture, ElementNetworks, NetworkEnsemble

CASES = {"54-224-192-160-1, GELU": (54, (224, 192, 160), "u"), "40-30-30-1, tanh": (40, (30, 30), "t")}
MEMBERS = 5
FRAME = 500


def ensemble_of(n_features: int, hidden: tuple[int, ...], letter: str) -> NetworkEnsemble:
    """An ensemble on as many radial functions; which ones does not matter here."""
    lines = [f"symfunction_short Ni 2 Ni {0.01 * (k + 1)} 0.0 6.0" for k in range(n_features)]
    functions = SymmetryFunctions.from_text("\n".join(["elements Ni", "cutoff_type 2", *lines]))
    architecture = Architecture.uniform(["Ni"], hidden=hidden, activations=letter, n_members=MEMBERS)
    return NetworkEnsemble(functions, ElementNetworks(architecture, functions.n_features, seed=1))


def by_loop(members: list[NetworkEnsemble], rows: np.ndarray) -> np.ndarray:
    return np.concatenate([m.atomic_energies({"Ni": rows})["Ni"] for m in members]).std(axis=0, ddof=1)


def by_frames(ensemble: NetworkEnsemble, rows: np.ndarray) -> np.ndarray:
    parts = [ensemble.atomic_spread({"Ni": rows[k : k + FRAME]})["Ni"] for k in range(0, len(rows), FRAME)]
    return np.concatenate(parts)


def resident(ensemble: NetworkEnsemble, rows: torch.Tensor) -> np.ndarray:
    step = max(1, (1 << 20 if rows.device.type == "cpu" else 1 << 26) // (MEMBERS * 224))
    with torch.inference_mode():
        parts = [ensemble.networks({"Ni": part})["Ni"].std(dim=0) for part in rows.split(step)]
        return torch.cat(parts).cpu().double().numpy()


def timed(work, clock, repeats: int) -> tuple[dict[str, float], np.ndarray]:
    """Seconds and the answer, which is on the host; the first call warms up."""
    answer = work()
    seconds = []
    for _ in range(repeats):
        begin = clock()
        answer = work()
        seconds.append(clock() - begin)
    return spread(seconds), answer


def peak(device: str, dtype: torch.dtype, clock) -> float:
    """Operations a second of a large product."""
    n = 8192 if device != "cpu" else 1024
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    seconds, _ = timed(lambda: (a @ b)[:1, :1].cpu().numpy(), clock, 5)
    return 2 * n**3 / seconds["least"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", type=int, default=0, help="default 20 000, on a GPU 2 000 000")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    on_cpu = options.device == "cpu"
    n = options.environments or (20_000 if on_cpu else 2_000_000)
    clock = time.process_time if on_cpu else time.perf_counter
    torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    rows_of = np.random.default_rng(0)
    results = []
    for name, (n_features, hidden, letter) in CASES.items():
        rows = rows_of.normal(size=(n, n_features))
        sizes = (n_features, *hidden, 1)
        operations = 2 * MEMBERS * sum(a * b for a, b in pairwise(sizes))
        for dtype in (torch.float32, torch.float64):
            ensemble = ensemble_of(n_features, hidden, letter).to(options.device, dtype)
            members = [ensemble.subset([k]) for k in range(MEMBERS)]
            there = torch.as_tensor(rows).to(options.device, dtype)
            few = rows[: max(FRAME, n // (1 if on_cpu else 50) // FRAME * FRAME)]
            work = {
                "batched": (lambda e=ensemble, r=rows: e.atomic_spread({"Ni": r})["Ni"], n),
                "loop": (lambda m=members, r=rows: by_loop(m, r), n),
                "frames": (lambda e=ensemble, r=few: by_frames(e, r), len(few)),
                "resident": (lambda e=ensemble, r=there: resident(e, r), n),
            }
            best = peak(options.device, dtype, clock)
            answers = {}
            for way, (call, count) in work.items():
                seconds, answers[way] = timed(call, clock, options.repeats)
                rate = {key: count / value for key, value in seconds.items()}
                rate["least"], rate["most"] = rate["most"], rate["least"]
                share = rate["median"] * operations / best
                precision = str(dtype).removeprefix("torch.")
                results.append(
                    {
                        "network": name,
                        "precision": precision,
                        "way": way,
                        "rate": rate,
                        "share_of_peak": share,
                    }
                )
                said = f"{shown(rate):36} environments/s, {100 * share:.0f} % of peak"
                print(f"{name:24} {precision:8} {way:9} {said}")
            for way, answer in answers.items():
                reference = answers["batched"][: len(answer)]
                assert np.allclose(answer, reference, rtol=1e-3 if dtype == torch.float32 else 1e-9), way
    device = torch.cuda.get_device_name() if not on_cpu else "one core"
    path = store(
        "spread", {"device": device, "members": MEMBERS, "environments": n, "rows": results}, ["torch"]
    )
    print(f"{device}; written to {path}")


if __name__ == "__main__":
    main()
