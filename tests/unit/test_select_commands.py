# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select``: what each command picks, with which engine, from which input; jobs that are killed."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from harness import mpiexec, run

from mdsieve import SymmetryFunctions, cli
from mdsieve.cli.select_options import parse_number
from mdsieve.encoders.mean import FingerprintSummaries, scaled_means
from mdsieve.samplers.clusters import ClusterSampler
from mdsieve.samplers.cur import CUR
from mdsieve.samplers.entropy import EntropySampler
from mdsieve.samplers.farthest_point import FPS
from mdsieve.samplers.progress import ShareDone
from mdsieve.samplers.random_frames import RandomSampler
from mdsieve.samplers.selection import Selection

MDSIEVE = [sys.executable, "-m", "mdsieve"]


def ended(folder, *words):
    """Output and exit code of a command, run in this process: a fresh one takes seconds to import everything."""
    out, errors, arguments, here = io.StringIO(), io.StringIO(), sys.argv, Path.cwd()
    try:
        os.chdir(folder)
        sys.argv = ["mdsieve", *map(str, words)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            cli.main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = arguments
        os.chdir(here)
    return code, out.getvalue(), errors.getvalue()


def mdsieve(folder, *words):
    """Standard output of a command that must end well."""
    code, out, errors = ended(folder, *words)
    assert code == 0, errors
    return out


def complaint(folder, *words):
    """The one line of a command that must end with the user's error."""
    code, _, errors = ended(folder, *words)
    assert code == cli.USER_ERROR, errors
    (line,) = errors.splitlines()
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory, binary_trajectory):
    """A trajectory of Ni3Al as extended XYZ and functions for it."""
    folder = tmp_path_factory.mktemp("select")
    write(folder / "melt.extxyz", binary_trajectory)
    mdsieve(
        folder,
        "describe",
        "-e",
        "Ni",
        "-e",
        "Al",
        "-c",
        "5",
        "-o",
        "sf.nn",
        "--radial",
        "6",
        "--angular",
        "4",
    )
    return folder


@pytest.fixture(scope="module")
def means(folder):
    """Scaled mean fingerprints of the trajectory, by their definition."""
    functions = SymmetryFunctions.from_file(folder / "sf.nn")
    by_frame = [functions.create_by_element(atoms) for atoms in read(folder / "melt.extxyz", ":")]
    columns = []
    for symbol in functions.elements:
        every = np.concatenate([found[symbol][1] for found in by_frame])
        low, high = every.min(axis=0), every.max(axis=0)
        width = np.where(high > low, high - low, 1)
        columns.append([((found[symbol][1] - low) / width).mean(axis=0) for found in by_frame])
    return np.concatenate([np.array(part) for part in columns], axis=1)


def picks(path):
    return [atoms.info["frame"] for atoms in read(path, ":")]


def test_summaries_give_the_scaled_means_of_all_environments(folder, means):
    functions = SymmetryFunctions.from_file(folder / "sf.nn")
    frames = read(folder / "melt.extxyz", ":")
    summaries = FingerprintSummaries(functions).encode(frames)
    np.testing.assert_allclose(scaled_means(summaries), means, atol=1e-12)
    without_al = frames[0][[a.symbol == "Ni" for a in frames[0]]]
    alone = scaled_means(FingerprintSummaries(functions).encode([without_al]), summaries)
    al = slice(0, functions.n_features["Al"])
    assert functions.elements[0] == "Al"
    assert (alone[0, al] == 0).all()


SAMPLERS = {
    "fps": (FPS(9, random_state=3), ()),
    "cluster": (ClusterSampler(9, random_state=3, linkage="average"), ("--linkage", "average")),
    "cur": (CUR(9, random_state=3, n_components=2), ("--components", "2")),
    "random": (RandomSampler(9, random_state=3), ()),
}


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_command_picks_what_its_sampler_picks(method, folder, means):
    sampler, words = SAMPLERS[method]
    functions = () if method == "random" else ("-f", "sf.nn", "-j", "1")
    said = mdsieve(
        folder, "select", method, "melt.extxyz", *functions, "-n", 9, "--seed", 3, *words,
        "-o", f"{method}.extxyz", "--json", f"{method}.json", "--report", f"{method}.html",
    )  # fmt: skip
    expected = sampler.fit(means)
    assert said == f"{method}.extxyz: 9 of 61 frames picked\n"
    kept = read(folder / f"{method}.extxyz", ":")
    assert [atoms.info["frame"] for atoms in kept] == expected.selected_idx_.tolist()
    assert [atoms.info["select_rank"] for atoms in kept] == list(range(9))
    assert {atoms.info["source"] for atoms in kept} == {"melt.extxyz"}
    selection = Selection.from_json((folder / f"{method}.json").read_text())
    assert selection.indices.tolist() == expected.selected_idx_.tolist()
    np.testing.assert_allclose(selection.score, expected.select_distance_, rtol=1e-7)
    assert selection.seed == 3
    assert selection.configuration["command"].startswith(f"mdsieve select {method} melt.extxyz")
    page = (folder / f"{method}.html").read_text()
    assert "<b>61</b><span>frames seen" in page
    assert "<b>9</b><span>picked" in page
    assert page.count("<tr><td>0</td><td>melt.extxyz</td>") == 1
    assert ("<h2>Map</h2>" in page) == (method != "random")
    assert not re.search(r'(src|href)="http', page)


def test_entropy_picks_what_its_sampler_picks_with_elements_apart(folder):
    mdsieve(folder, "select", "entropy", "melt.extxyz", "-f", "sf.nn", "--bandwidth", "0.3", "-n", 6, "-j", 1,
            "-o", "entropy.extxyz")  # fmt: skip
    functions = SymmetryFunctions.from_file(folder / "sf.nn")
    frames = read(folder / "melt.extxyz", ":")
    rows, groups = [], []
    for symbol in functions.elements:
        found = [functions.create_by_element(atoms)[symbol][1] for atoms in frames]
        every = np.concatenate(found)
        low, width = every.min(axis=0), np.ptp(every, axis=0)
        scaled = (every - low) / np.where(width > 0, width, 1)
        padded = np.zeros((len(scaled), max(functions.n_features.values()) + 1))
        padded[:, : scaled.shape[1]] = scaled
        padded[:, -1] = 1e4 * functions.elements.index(symbol)
        rows.append(padded)
        groups.append(np.repeat(np.arange(len(frames)), [len(f) for f in found]))
    order = np.argsort(np.concatenate(groups), kind="stable")
    expected = EntropySampler(6, bandwidth=0.3).fit(
        np.concatenate(rows)[order], groups=np.concatenate(groups)[order]
    )
    assert picks(folder / "entropy.extxyz") == expected.selected_idx_.tolist()


def test_the_screen_keeps_frames_by_soap(folder):
    from mdsieve.encoders.soap import Soap
    from mdsieve.samplers.similarity_screen import SimilarityScreen

    write(folder / "few.extxyz", read(folder / "melt.extxyz", "::12"))
    mdsieve(
        folder, "select", "screen", "few.extxyz", "-d", "0.08", "--cutoff", 4, "-j", 1, "-o", "screen.extxyz"
    )
    atoms = Soap(["Ni", "Al"], r_cut=4.0).encode_atoms(read(folder / "few.extxyz", ":"))
    rows = np.concatenate(atoms)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    groups = np.repeat(np.arange(len(atoms)), [len(a) for a in atoms])
    expected = SimilarityScreen(distance=0.08).fit(rows, groups=groups).selected_idx_.tolist()
    assert picks(folder / "screen.extxyz") == expected
    assert 1 < len(expected) < 6


def test_farthest_points_by_soap_are_those_of_the_kernels(folder):
    from mdsieve.encoders.soap import Soap
    from mdsieve.samplers.farthest_on_kernel import KernelFPS
    from mdsieve.similarity.average_kernel import AverageKernel
    from mdsieve.similarity.rematch import REMatchKernel

    frames = [atoms[:40] for atoms in read(folder / "melt.extxyz", "::6")]
    write(folder / "soap.extxyz", frames[:-2])
    write(folder / "earlier.extxyz", frames[-2:])
    atoms = Soap(["Ni", "Al"], r_cut=4.0).encode_atoms(frames)
    for method, kernel in (("fps", AverageKernel(atoms)), ("rematch", REMatchKernel(atoms))):
        mdsieve(folder, "select", method, "soap.extxyz", "-n", 4, "--cutoff", 4, "-j", 1, "-r", "earlier.extxyz",
                "-o", f"soap-{method}.extxyz", "--report", f"soap-{method}.html")  # fmt: skip
        expected = KernelFPS(4).fit(kernel, X_selected=[9, 10])
        kept = read(folder / f"soap-{method}.extxyz", ":")
        assert [a.info["frame"] for a in kept] == expected.selected_idx_.tolist()
        scores = [a.info["select_score"] for a in kept]
        np.testing.assert_allclose(scores, expected.select_distance_, rtol=1e-6)


def test_direct_picks_what_its_sampler_picks(folder):
    from mdsieve.encoders.pooled import PooledSymmetryFunctions
    from mdsieve.samplers.direct import DIRECT

    mdsieve(folder, "select", "direct", "melt.extxyz", "-f", "sf.nn", "-n", 8, "-k", 2, "-j", 1, "--seed", 5,
            "-o", "direct.extxyz")  # fmt: skip
    functions = SymmetryFunctions.from_file(folder / "sf.nn")
    rows = PooledSymmetryFunctions(functions).encode(read(folder / "melt.extxyz", ":"))
    expected = DIRECT(8, per_cluster=2, random_state=5).fit(rows)
    assert picks(folder / "direct.extxyz") == expected.selected_idx_.tolist()


def test_strata_are_named_on_the_command_line(folder, binary_trajectory):
    frames = [atoms.copy() for atoms in binary_trajectory[:30]]
    for i, atoms in enumerate(frames):
        atoms.info["phase"] = "solid" if i < 20 else "liquid"
    write(folder / "phases.extxyz", frames)
    mdsieve(folder, "select", "random", "phases.extxyz", "-n", "20%", "--by", "phase", "-o", "strata.extxyz")
    kept = [atoms.info["phase"] for atoms in read(folder / "strata.extxyz", ":")]
    assert (kept.count("solid"), kept.count("liquid")) == (4, 2)
    line = complaint(folder, "select", "random", "phases.extxyz", "-n", 2, "--by", "spin", "-o", "no.extxyz")
    assert line == "mdsieve: phases.extxyz: frame 0 has no 'spin' in its comment"


def test_frames_that_are_there_already_are_not_picked_again(folder, means):
    write(folder / "train.extxyz", read(folder / "melt.extxyz", "::6"))
    mdsieve(folder, "select", "fps", "melt.extxyz", "-f", "sf.nn", "-n", 5, "-j", 1, "-r", "train.extxyz",
            "-o", "more.extxyz")  # fmt: skip
    expected = FPS(5).fit(means, X_selected=means[::6]).selected_idx_.tolist()
    assert picks(folder / "more.extxyz") == expected
    assert not set(expected) & set(range(0, 61, 6))


RULES = {"bank": ("-t", "0.3"), "dvlae": ("-d", "0.2")}


@pytest.mark.parametrize("method", RULES)
def test_rules_that_go_frame_by_frame_know_an_earlier_set_and_write_a_report(method, folder, tmp_path):
    """With the first frames as the earlier set the others are decided as they are after these."""
    frames = read(folder / "melt.extxyz", ":")
    write(tmp_path / "first.extxyz", frames[:20])
    write(tmp_path / "rest.extxyz", frames[20:])
    words = ("-f", folder / "sf.nn", *RULES[method], "-j", 1)
    scaling = () if method == "dvlae" else ("--scaling", "sf.scaling.data")
    if scaling:
        (tmp_path / "sf.scaling.data").write_bytes((folder / "sf.scaling.data").read_bytes())
    mdsieve(tmp_path, "select", method, "rest.extxyz", *words, *scaling, "-r", "first.extxyz", "-o", "new.extxyz",
            "--report", "report.html")  # fmt: skip
    new = picks(tmp_path / "new.extxyz")
    mdsieve(tmp_path, "select", method, "rest.extxyz", *words, *scaling, "-o", "alone.extxyz")
    alone = picks(tmp_path / "alone.extxyz")
    assert 0 < len(new) < len(alone)
    if method == "bank":
        mdsieve(
            tmp_path, "select", method, "first.extxyz", "rest.extxyz", *words, *scaling, "-o", "both.extxyz"
        )
        both = read(tmp_path / "both.extxyz", ":")
        assert new == [a.info["frame"] for a in both if a.info["source"] == "rest.extxyz"]
    page = (tmp_path / "report.html").read_text()
    assert "<b>41</b><span>frames seen" in page
    assert f"<b>{len(new)}</b><span>picked" in page
    assert "<h2>Map</h2>" not in page


# ---- engines


def fps(folder, output, *words):
    return [*MDSIEVE, "select", "fps", "long.extxyz", "-f", "sf.nn", "-n", "12", "-o", output, *words]


@pytest.fixture(scope="module")
def long(folder):
    """A longer trajectory, 10 chunks, and what one process picks of it."""
    frames = read(folder / "melt.extxyz", ":")
    rng = np.random.default_rng(1)
    with open(folder / "long.extxyz", "w") as file:
        for _ in range(6):
            for atoms in frames:
                atoms.rattle(0.02, rng=rng)
                write(file, atoms, format="extxyz")
    mdsieve(folder, *fps(folder, "alone.extxyz", "--workers", "1")[3:])
    return folder


def same_as_alone(folder, name):
    assert (folder / name).read_text() == (folder / "alone.extxyz").read_text()


def test_three_ranks_of_mpi_pick_the_same_and_speak_once(long):
    finished = run([mpiexec(), "-n", "3", *fps(long, "ranks.extxyz")], long).check()
    assert finished.stdout == "ranks.extxyz: 12 of 366 frames picked\n"
    same_as_alone(long, "ranks.extxyz")


@pytest.mark.slow
def test_an_error_under_mpi_ends_all_ranks(long):
    words = fps(long, "alone.extxyz", "--engine", "mpi")
    finished = run([mpiexec(), "-n", "3", *words], long, timeout=60)
    assert finished.returncode != 0
    assert "alone.extxyz: the file exists already" in finished.output


@pytest.mark.slow
def test_a_dask_cluster_picks_the_same(long):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR"
    ) as cluster:
        run(fps(long, "dask.extxyz", "--scheduler", cluster.scheduler_address), long).check()
    same_as_alone(long, "dask.extxyz")


def finished_chunks(folder):
    return {path.name for path in folder.glob("*.npz")} if folder.is_dir() else set()


def begin(words, folder, checkpoint):
    """Start a command and come back when it has finished a chunk."""
    process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 100
    while not finished_chunks(checkpoint):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "no chunk was finished"
        time.sleep(0.002)
    return process


def test_a_killed_command_resumes_and_computes_no_finished_chunk_again(long, tmp_path):
    words = fps(long, "resumed.extxyz", "--workers", "1", "--checkpoint", str(tmp_path / "chunks"))
    words.insert(words.index("select"), "-v")
    process = begin(words, long, tmp_path / "chunks")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (long / "resumed.extxyz").exists()
    before = {
        name: (tmp_path / "chunks" / name).stat().st_mtime_ns for name in finished_chunks(tmp_path / "chunks")
    }
    finished = run(words, long).check()
    same_as_alone(long, "resumed.extxyz")
    found, computed = map(
        int, re.search(r"checkpoint: (\d+) chunks found, (\d+) computed", finished.stderr).groups()
    )
    assert found == len(before) >= 1
    assert computed > 1
    assert found + computed == len(finished_chunks(tmp_path / "chunks"))
    for name, when in before.items():
        assert (tmp_path / "chunks" / name).stat().st_mtime_ns == when


def children(pid):
    """Processes that run Python for a pool."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in command:
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
def test_a_command_survives_a_worker_that_is_killed(long, tmp_path):
    words = fps(long, "survived.extxyz", "--workers", "2", "--checkpoint", str(tmp_path / "chunks"))
    process = begin(words, long, tmp_path / "chunks")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert "a worker died: its chunks are computed again" in errors
    same_as_alone(long, "survived.extxyz")


# ---- input


def test_a_dump_needs_the_elements_of_its_types(folder, binary_dump):
    words = ("select", "random", binary_dump, "-n", "3", "-o", "dump.extxyz")
    assert "cannot be read" in complaint(folder, *words)
    mdsieve(folder, *words, "--types", "Ni,Al")
    assert read(folder / "dump.extxyz").get_chemical_formula() == "Al27Ni81"


def test_every_command_reads_n2p2_data_in_its_units(folder, tmp_path):
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.units import Bohr, Hartree
    from test_training_data import n2p2_text

    frames = read(folder / "melt.extxyz", ":6")
    for atoms in frames:
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((len(atoms), 3)))
    (tmp_path / "input.data").write_text(n2p2_text(frames, Bohr, Hartree))
    mdsieve(folder, "select", "fps", tmp_path / "input.data", "-f", "sf.nn", "-n", 2, "-j", 1, "--n2p2-units",
            "atomic", "-o", tmp_path / "fps.extxyz")  # fmt: skip
    mdsieve(folder, "select", "bank", tmp_path / "input.data", "-f", "sf.nn", "-t", "0.3", "--n2p2-units", "atomic",
            "-o", tmp_path / "bank.extxyz")  # fmt: skip
    for name in ("fps", "bank"):
        assert read(tmp_path / f"{name}.extxyz").cell.volume == pytest.approx(frames[0].cell.volume, rel=0.1)


# ---- what may go wrong


@pytest.mark.parametrize("option", ["-o", "--json", "--report"])
def test_a_file_that_exists_is_not_replaced(option, folder, tmp_path):
    (tmp_path / "there").write_text("mine")
    words = ["select", "random", "melt.extxyz", "-n", "3", option, str(tmp_path / "there")]
    if option != "-o":
        words += ["-o", str(tmp_path / "kept.extxyz")]
    assert (
        complaint(folder, *words)
        == f"mdsieve: {tmp_path}/there: the file exists already; say --overwrite to replace it"
    )
    assert (tmp_path / "there").read_text() == "mine"
    mdsieve(folder, *words, "--overwrite")
    assert (tmp_path / "there").read_text() != "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fps", "-f", "sf.nn", "-n", "62"), "n_to_select=62: expected a number from 1 to 61"),
        (("fps", "-f", "sf.nn", "-n", "many"), "--number many: expected a number as 400"),
        (("fps", "-e", "mean"), "--encoder mean: expected symmetry functions"),
        (("fps", "-e", "soap", "-f", "sf.nn"), "--functions with --encoder soap"),
        (("fps", "-f", "sf.nn", "--engine", "dask"), "--scheduler"),
        (("fps", "-f", "missing.nn"), "missing.nn: No such file"),
        (("fps", "-f", "sf.nn", "--start", "last"), "start='last': expected 'central'"),
        (("entropy", "-f", "sf.nn"), "--bandwidth: expected a number above 0"),
        (("screen", "-e", "mean"), "--encoder mean: expected one whose rows compare between"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_line(words, said, folder):
    line = complaint(folder, "select", words[0], "melt.extxyz", *words[1:], "-j", "1", "-o", "none.extxyz")
    assert said in line
    assert not (folder / "none.extxyz").exists()


def test_a_frame_that_cannot_be_encoded_is_named(folder, tmp_path):
    frames = read(folder / "melt.extxyz", ":5")
    frames[3].symbols[0] = "Cu"
    write(tmp_path / "odd.extxyz", frames)
    line = complaint(
        folder, "select", "fps", tmp_path / "odd.extxyz", "-f", "sf.nn", "-n", 2, "-j", 2, "-o", "none.extxyz"
    )
    assert line.startswith(f"mdsieve: {tmp_path}/odd.extxyz: frame 3: element Cu")


def test_numbers_and_shares():
    assert [parse_number(w) for w in ("400", "0.1", "10%", None)] == [400, 0.1, 0.1, None]


def test_the_share_that_is_done_is_known_for_text_files(folder, tmp_path):
    done = ShareDone([folder / "melt.extxyz"])
    from mdsieve.io.trajectories import iterate_raw_frames

    shares = [done.after(frame) for frame in iterate_raw_frames([folder / "melt.extxyz"])]
    assert shares[-1] == pytest.approx(1.0)
    np.testing.assert_allclose(np.diff(shares), 1 / 61, rtol=0.2)
    write(tmp_path / "melt.traj", read(folder / "melt.extxyz", ":3"))
    done = ShareDone([tmp_path / "melt.traj"])
    assert {done.after(frame) for frame in iterate_raw_frames([tmp_path / "melt.traj"])} == {None}


@pytest.mark.slow
def test_a_terminal_sees_the_time_left(folder):
    words = [
        *MDSIEVE,
        "select",
        "fps",
        "melt.extxyz",
        "-f",
        "sf.nn",
        "-n",
        "3",
        "-j",
        "1",
        "-o",
        "seen.extxyz",
    ]
    shown = run(words, folder, env={"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "200"}).check().stderr
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert re.search(r"encoding 61 frames .*\d:\d\d:\d\d left 0:00:00", text)
