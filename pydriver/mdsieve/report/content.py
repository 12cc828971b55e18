# SPDX-License-Identifier: GPL-2.0-or-later
"""What the report's page shows, as numbers: the object that its scripts read."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.bank import EnvironmentBank
from mdsieve.driver.messages import JUNK, KEPT, KNOWN
from mdsieve.driver.store import FrameStore
from mdsieve.extras import MissingPackageError
from mdsieve.maps import Method, known_atoms, mean_fingerprint, project
from mdsieve.report.picture import time_line

if TYPE_CHECKING:
    from ase import Atoms

logger = logging.getLogger("mdsieve.report")

_VERDICTS = {KNOWN: "known", KEPT: "kept", JUNK: "junk"}
#: Known frames shown in the plots against time, at most; kept and junk ones are all shown.
MOST_KNOWN = 20_000
#: Frames whose atoms are in the page, the most novel; and atoms of each, around the triggering one.
MOST_STRUCTURES, MOST_ATOMS = 1500, 4000
#: Atoms of all structures together; where there are more, only this many around each triggering atom.
MOST_ATOMS_IN_ALL, FEW_ATOMS = 1_000_000, 300
#: Environments whose fingerprints are computed for the page, at most.
MOST_ENVIRONMENTS = 2_000_000
_BINS = 40


def report_content(
    store: FrameStore, *, method: Method = "pca", seed: int = 0, trajectory: Iterable[Atoms] | None = None
) -> dict[str, Any]:
    """All that the page's scripts draw.

    Parameters
    ----------
    store : FrameStore
    method : {"pca", "tsne", "umap"}
        Of the map.
    seed : int
        Of the map, and of the choice of known frames where there are too many.
    trajectory : iterable of ase.Atoms, optional
        The frames that the kept ones were chosen from, for the histograms and the map.
    """
    evaluations = store.evaluations()
    frames = store.frames()
    time, label, _ = time_line(evaluations, "τ" if store.units() == "lj" else "ps")
    keys = zip(evaluations["run"].tolist(), evaluations["evaluation"].tolist(), strict=True)
    when = dict(zip(keys, time, strict=True))
    at = [float(when.get((frame["run"], frame["evaluation"]), np.nan)) for frame in frames]
    structures, styles = _structures(store, frames)
    content: dict[str, Any] = {
        "timeLabel": label,
        "counts": {name: int((evaluations["verdict"] == key).sum()) for key, name in _VERDICTS.items()},
        "evaluations": _evaluations(evaluations, time, frames, seed),
        "growth": _growth(store, frames, at, time),
        "keptGrowth": _kept_growth(at, time),
        "frames": _table(frames, label),
        "structures": structures,
        "styles": styles,
        "map": None,
        "histograms": [],
        "before": "environments of the kept frames"
        if trajectory is None
        else "environments of the trajectory",
    }
    try:
        content.update(_fingerprint_content(store, frames, method, seed, trajectory))
    except MissingPackageError:
        raise
    except ValueError as error:  # the rest of the page is worth having
        logger.warning("%s: the report has no map and no histograms: %s", store.path, error)
    return content


def _evaluations(evaluations: np.ndarray, time: np.ndarray, frames: list[dict], seed: int) -> dict[str, list]:
    shown = np.arange(len(evaluations))
    known = np.flatnonzero(evaluations["verdict"] == KNOWN)
    if len(known) > MOST_KNOWN:
        left_out = np.random.default_rng(seed).choice(known, len(known) - MOST_KNOWN, replace=False)
        shown = np.setdiff1d(shown, left_out)
    frame_of = {(frame["run"], frame["evaluation"]): frame["frame"] for frame in frames}
    mine = evaluations[shown]
    keys = zip(mine["run"].tolist(), mine["evaluation"].tolist(), strict=True)
    return {
        "time": _numbers(time[shown]),
        "novelty": _numbers(mine["novelty"]),
        "temperature": _numbers(mine["temperature"]),
        "verdict": [_VERDICTS.get(int(verdict), "known") for verdict in mine["verdict"]],
        "frame": [frame_of.get(key) for key in keys],
    }


def _growth(store: FrameStore, frames: list[dict], at: list[float], time: np.ndarray) -> list[dict]:
    """Entries of each element as steps."""
    description = store.bank_description()
    if description is None:
        return []
    growth = store.bank_growth()
    when = {frame["frame"]: moment for frame, moment in zip(frames, at, strict=True)}
    first, last = (float(time.min()), float(time.max())) if len(time) else (0.0, 0.0)
    result = []
    for number, symbol in enumerate(description["elements"]):
        mine = growth[growth[:, 1] == number]
        start = int(mine[mine[:, 0] == 0, 2].sum())
        mine = mine[mine[:, 0] != 0]
        moments = np.array([when.get(int(frame), np.nan) for frame in mine[:, 0]])
        order = np.argsort(moments, kind="stable")
        total = start + np.concatenate([[0], np.cumsum(mine[order, 2])])
        x = [first, *moments[order], last]
        result.append({"element": symbol, "time": _numbers(x), "entries": [*total.tolist(), int(total[-1])]})
    return result


def _kept_growth(at: list[float], time: np.ndarray) -> dict[str, list]:
    moments = np.sort(np.array(at))
    last = [float(time.max())] if len(time) else []
    return {
        "time": _numbers([*moments, *last]),
        "frames": [*range(1, len(moments) + 1), *([len(moments)] if last else [])],
    }


def _table(frames: list[dict], time_label: str) -> dict[str, list]:
    """Columns and rows of the kept frames; scores that only some have are empty in the others."""
    fixed = {
        "frame", "run", "step", "evaluation", "time", "reason", "trigger_atom", "trigger_element", "entries",
        "world", "n_atoms", "temperature",
    }  # fmt: skip
    scores = sorted({name for frame in frames for name in frame if name not in fixed} - {"novelty"})
    unit = time_label.partition("/")[2].strip() or "ps"
    numbers = {"frame": "frame", "run": "run", "step": "step", "time": f"time / {unit}"}
    numbers |= {"temperature": "T / K", "n_atoms": "atoms", "novelty": "novelty"}
    numbers |= {name: name for name in scores} | {"entries": "new environments"}
    columns = [(name, label, False) for name, label in numbers.items()]
    columns += [("trigger", "triggering atom", True), ("reason", "reason", True)]
    rows = []
    for frame in frames:
        words = {**frame, "trigger": f"{frame['trigger_element']} {frame['trigger_atom']}".strip()}
        rows.append([words.get(name) if text else _number(words.get(name)) for name, _, text in columns])
    return {"columns": [{"name": n, "label": w, "isText": t} for n, w, t in columns], "rows": rows}


def _structures(store: FrameStore, frames: list[dict]) -> tuple[dict[int, dict], list[dict]]:
    """Atoms of the most novel frames, and how each element is drawn."""
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors

    novelty = np.array([frame.get("novelty") or 0.0 for frame in frames], dtype=float)
    chosen = np.sort(np.argsort(-novelty, kind="stable")[:MOST_STRUCTURES])
    sizes = np.array([frame["n_atoms"] for frame in frames], dtype=np.int64)
    is_much = np.minimum(sizes[chosen], MOST_ATOMS).sum() > MOST_ATOMS_IN_ALL
    most = FEW_ATOMS if is_much else MOST_ATOMS
    entries: dict[int, list[int]] = {}
    for frame, atom in store.entry_atoms():
        entries.setdefault(frame, []).append(atom)
    numbers: dict[int, int] = {}
    structures = {}
    for i in chosen:
        row = frames[i]
        atoms, extra = store.atoms(row["frame"])
        structures[int(row["frame"])] = _structure(
            atoms, extra, row, entries.get(row["frame"], []), most, numbers
        )
    styles = [
        {"radius": float(0.75 * covalent_radii[z]), "colour": [round(255 * c) for c in jmol_colors[z]]}
        for z in numbers
    ]
    return structures, styles


def _structure(
    atoms: Atoms, extra: dict, row: dict, entries: list[int], most: int, numbers: dict[int, int]
) -> dict:
    ids = np.asarray(extra["atom_ids"])
    trigger = np.flatnonzero(ids == row["trigger_atom"])
    positions = atoms.positions
    mine = np.arange(len(atoms))
    if len(atoms) > most:
        centre = positions[trigger[0]] if len(trigger) else positions.mean(axis=0)
        mine = np.sort(np.argsort(np.linalg.norm(positions - centre, axis=1), kind="stable")[:most])
    shown = positions[mine]
    low = shown.min(axis=0) if len(shown) else np.zeros(3)
    size = np.maximum(np.ptp(shown, axis=0), 1e-6) if len(shown) else np.ones(3)
    shares = np.round((shown - low) / size * 65535).astype("<u2")
    kinds = np.array([numbers.setdefault(int(z), len(numbers)) for z in atoms.numbers[mine]], dtype=np.uint8)
    has_cell = atoms.cell.rank == 3
    place = np.searchsorted(mine, trigger[0]) if len(trigger) and trigger[0] in mine else -1
    return {
        "numbers": _base64(kinds),
        "positions": _base64(shares),
        "origin": low.tolist(),
        "size": size.tolist(),
        "cell": atoms.cell.array.tolist() if has_cell else None,
        "corner": np.asarray(extra.get("origin", np.zeros(3)), dtype=float).tolist(),
        "trigger": int(place),
        "entries": np.flatnonzero(np.isin(ids[mine], entries)).tolist(),
    }


def _fingerprint_content(store: FrameStore, frames, method: Method, seed: int, trajectory) -> dict[str, Any]:
    """Map and histograms, which need fingerprints of whole frames."""
    n_environments = sum(frame["n_atoms"] for frame in frames)
    if not frames or store.bank_description() is None or n_environments > MOST_ENVIRONMENTS:
        if frames:
            logger.warning("no map and no histograms: %d environments are too many", n_environments)
        return {}
    bank = EnvironmentBank.load(store.path)
    functions, scaling = bank.functions, bank.scaling
    if scaling is None:
        return {}
    vectors: list[np.ndarray] = []
    rows: dict[str, list[np.ndarray]] = {symbol: [] for symbol in functions.elements}
    shares: dict[str, list[float]] = {symbol: [] for symbol in functions.elements}
    volumes: list[float] = []
    for frame in frames:
        atoms, _ = store.atoms(frame["frame"])
        vectors.append(mean_fingerprint(functions, scaling, atoms))
        symbols = np.array(atoms.get_chemical_symbols())
        for symbol, found in shares.items():
            found.append(float((symbols == symbol).mean()) if len(symbols) else 0.0)
        volumes.append(atoms.get_volume() / len(atoms) if atoms.cell.rank == 3 and len(atoms) else np.nan)
        if trajectory is None:
            _gather(rows, functions, atoms)
    n_kept = len(vectors)
    for atoms in trajectory or ():
        vectors.append(mean_fingerprint(functions, scaling, atoms))
        _gather(rows, functions, atoms)
    found_map = project(np.array(vectors), method, seed=seed)
    values: dict[str, list] = {
        "step": [f["step"] for f in frames],
        "novelty": [f.get("novelty") for f in frames],
        "order kept": list(range(1, n_kept + 1)),
        "new environments": [f["entries"] for f in frames],
        "temperature": [f["temperature"] for f in frames],
        "volume per atom": volumes,
        "run": [f["run"] for f in frames],
    }
    if len(functions.elements) > 1:
        values.update({f"share of {symbol}": found for symbol, found in shares.items()})
    rest = [None] * (len(vectors) - n_kept)
    return {
        "map": {
            "x": _numbers(found_map.points[:, 0]),
            "y": _numbers(found_map.points[:, 1]),
            "frames": [*(frame["frame"] for frame in frames), *rest],
            "axes": list(found_map.axes),
            "colourings": list(values),
            "values": {name: [*(_number(v) for v in found), *rest] for name, found in values.items()},
            "others": "frames of the trajectory",
        },
        "histograms": _histograms(bank, rows),
    }


def _gather(rows: dict[str, list[np.ndarray]], functions, atoms: Atoms) -> None:
    for symbol, (_, found) in functions.create_by_element(known_atoms(functions, atoms)).items():
        rows[symbol].append(found.astype(np.float32))


def _histograms(bank: EnvironmentBank, rows: dict[str, list[np.ndarray]]) -> list[dict]:
    """Shares of the environments per bin of each symmetry function, before the choice and in the bank."""
    result = []
    for symbol, names in bank.functions.feature_names.items():
        before = np.concatenate([np.empty((0, len(names)), np.float32), *rows[symbol]])
        after = bank.entries(symbol)[1]
        if not len(after):
            continue
        for column, name in enumerate(names):
            both = np.concatenate([before[:, column], after[:, column]])
            low, high = float(both.min()), float(both.max())
            edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
            counts = [
                np.histogram(np.clip(part[:, column], edges[0], edges[-1]), edges)[0]
                for part in (before, after)
            ]
            result.append(
                {
                    "element": symbol,
                    "name": name,
                    "edges": _numbers(edges),
                    "before": _numbers(counts[0] / max(len(before), 1)),
                    "after": _numbers(counts[1] / len(after)),
                    "nBefore": len(before),
                    "nAfter": len(after),
                }
            )
    return result


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _numbers(values) -> list:
    return [_number(value) for value in values]


def _number(value):
    """A number as JSON has it: null if unknown, "inf" if infinite, seven digits."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if np.isnan(value):
        return None
    if np.isinf(value):
        return "inf" if value > 0 else None
    return float(f"{float(value):.7g}")
