# SPDX-License-Identifier: GPL-2.0-or-later
"""DIRECT on feature files that need not fit into memory: seconds and peak memory.

tih         274 000 rows of 128 features to 954 picks (published: 9.1 s)
mpf         1 315 097 rows of 128 to 20 044 clusters of 20, 185 670 picks published (113 s)
maml        20 000 rows to 400 picks, maml 2025.4 beside this, if it is installed (mdsieve's tests need it)

Features are synthetic: trajectories that wander about 2000 centres in 16 hidden directions of falling width,
mapped to 128 numbers by a random network. What such features cannot show is how well real ones cluster;
docs/direct.md has that. Each case runs in a process of its own. "Peak" is the largest resident memory,
the mapped pages of the feature file included, "own" without them.

Usage: python benchmarks/bench_direct.py [--cases tih mpf maml] [--folder DIR] [--format npy|h5]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from _record import store

CASES = {
    "tih": {"rows": 274_000, "parameters": {"n_to_select": 954}},
    "mpf": {"rows": 1_315_097, "parameters": {"n_clusters": 20_044, "per_cluster": 20}},
    "maml": {"rows": 20_000, "parameters": {"n_to_select": 400}},
}
N_FEATURES = 128


def blocks_of_features(n_rows, seed=1, step=65_536):
    """Rows of 128 numbers, block by block."""
    rng = np.random.default_rng(seed)
    hidden = 16
    width = np.exp(-np.arange(hidden) / 5.0)
    centres = rng.normal(size=(2000, hidden)) * width
    first, second = rng.normal(size=(hidden, 64)), rng.normal(size=(64, N_FEATURES)) / 8.0
    for start in range(0, n_rows, step):
        n = min(step, n_rows - start)
        walk = np.cumsum(rng.normal(size=(n, hidden)), axis=0) * width * 0.02
        walk -= np.repeat(walk[::500], 500, axis=0)[:n]  # a new trajectory every 500 rows
        where = np.repeat(rng.integers(len(centres), size=n // 500 + 1), 500)[:n]
        latent = centres[where] + walk + 0.1 * width * rng.normal(size=(n, hidden))
        yield np.tanh(latent @ first * 0.5) @ second + 0.01 * rng.normal(size=(n, N_FEATURES))


def write_features_of(n_rows, path):
    """The file of a case."""
    if path.suffix == ".h5":
        from mdsieve.io.feature_file import write_features

        write_features(path, blocks_of_features(n_rows), {"features": "synthetic"}, overwrite=True)
        return
    rows = np.lib.format.open_memmap(path, "w+", np.float64, (n_rows, N_FEATURES))
    at = 0
    for block in blocks_of_features(n_rows):
        rows[at : at + len(block)] = block
        at += len(block)
    rows.flush()


class Peak(threading.Thread):
    """Largest anonymous memory of this process [bytes]."""

    def __init__(self):
        super().__init__(daemon=True)
        self.largest = 0

    def run(self):
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    self.largest = max(self.largest, int(line.split()[1]) << 10)
            time.sleep(0.02)


def fit(path, parameters):
    """In the process of a case: fit, and print what it took."""
    import resource

    from mdsieve.samplers.direct import DIRECT

    peak = Peak()
    peak.start()
    began, cpu = time.perf_counter(), time.process_time()
    sampler = DIRECT(**parameters).fit_file(path)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor_seconds": cpu,
                "picks": len(sampler.selected_idx_),
                "shortfall": sampler.shortfall_,
                "clusters": len(sampler.centroids_),
                "subclusters": sampler.n_subclusters_,
                "components": len(sampler.components_.axes),
                "passes": sampler.passes_,
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
                "own_bytes": peak.largest,
            }
        )
    )


def with_maml(path, parameters):
    """Seconds of maml's own steps on the same rows; None where it is not installed."""
    try:
        from maml.sampling.clustering import BirchClustering
        from maml.sampling.pca import PrincipalComponentAnalysis
        from maml.sampling.stratified_sampling import SelectKFromClusters
    except ImportError:
        return None
    from sklearn.preprocessing import StandardScaler

    rows = np.load(path)
    began = time.perf_counter()
    scaled = StandardScaler().fit_transform(rows)
    components = PrincipalComponentAnalysis().fit(scaled).transform(scaled)
    clusters = BirchClustering(n=parameters["n_to_select"], threshold_init=0.05).transform(components)
    SelectKFromClusters(k=1).transform(clusters)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--folder", type=Path, help="where the feature files go (default: a temporary one)")
    parser.add_argument("--format", choices=["npy", "h5"], default="npy")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit(arguments.folder, json.loads(arguments.fit))
        return
    results = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in arguments.cases:
            case = CASES[name]
            path = Path(folder) / f"{name}.{'npy' if name == 'maml' else arguments.format}"
            write_features_of(case["rows"], path)
            command = [
                sys.executable,
                __file__,
                "--folder",
                str(path),
                "--fit",
                json.dumps(case["parameters"]),
            ]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if name == "maml" and (seconds := with_maml(path, case["parameters"])) is not None:
                found["maml_seconds"] = seconds
            path.unlink()
            results[name] = {**case, **found}
            print(
                f"{name:5} {case['rows']} rows -> {found['clusters']} clusters, {found['picks']} picks "
                f"({found['components']} components, {found['subclusters']} sub-clusters, "
                f"{len(found['passes'])} passes): {found['seconds']:.1f} s, processor "
                f"{found['processor_seconds']:.1f} s, peak {found['peak_bytes'] / 2**30:.2f} GiB, own "
                f"{found['own_bytes'] / 2**30:.2f} GiB"
                + (f"; maml {found['maml_seconds']:.1f} s" if "maml_seconds" in found else "")
            )
    print(store("direct", {"features": "synthetic", "cases": results}, ["numpy", "scikit-learn", "maml"]))


if __name__ == "__main__":
    main()
