# SPDX-License-Identifier: GPL-2.0-or-later
"""Local cut-outs: a periodic cell small enough for DFT around one atom of a large one.

The cell keeps the directions of the original. Each of its lengths is moved to where the atoms at one side
continue those at the other best, and its sides to where fewest atoms are, so that a crystal is cut along
its own periods and between its planes. Of all cells of few enough atoms the one is taken that leaves most
environments as they were, the central one for certain: nothing is believed of a cut before the fingerprints
in the new cell have been computed and compared with those of the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.bank import EnvironmentBank

if TYPE_CHECKING:
    from ase import Atoms

#: What an atom of a cut-out is; the array ``role``.
CENTRE, KEPT, BUFFER = "centre", "kept", "buffer"

_STEP = 0.5  # Å between the edges that are tried
_AROUND, _FINE = 1.0, 0.02  # Å: how far and how finely each is moved to where the boundary fits best
_SKIN = 2.5  # Å on either side of the boundary that are compared
_SHIFT, _CLEAR = 1.25, 0.45  # Å: how far the box is moved to have few atoms so near to its sides
_MOST_TRIED = 1.2  # times the largest number of atoms: larger cells are not tried
_SURFACE = 4.0  # Å of emptiness across the new boundary that count as a surface


class CutoutError(ValueError):
    """No cell within the limits keeps the central environment; one line."""


@dataclass(frozen=True)
class Cutout:
    """A cut-out and how good it is.

    Attributes
    ----------
    atoms : ase.Atoms
        Periodic; the central atom in the middle. Arrays: ``role`` (centre, kept, buffer) and ``id`` (of the
        original). ``info``: ``cutout_edge``, ``cutout_distance``, ``cutout_kept``, ``cutout_removed`` and
        ``cutout_centre`` (ID of the central atom).
    centre : int
        Index of the central atom.
    edges : ndarray of float, shape (3,)
        Heights of the cell in Å.
    distance : float
        Of the central fingerprint from the original one, in units of the element's threshold.
    share_kept : float
        Share of the atoms whose environments stay within the threshold of their elements.
    n_removed : int
        Atoms taken out because they came too close across the new boundary.
    """

    atoms: Atoms
    centre: int
    edges: np.ndarray
    distance: float
    share_kept: float
    n_removed: int


@dataclass(frozen=True)
class _Cell:
    """The original as seen from the central atom."""

    atoms: Atoms  # wrapped so that the centre is in the middle of what is periodic
    centre: int
    vectors: np.ndarray  # directions, rows
    heights: np.ndarray  # of the original cell; infinite where it is not periodic
    places: np.ndarray  # perpendicular coordinates from the central atom [Å], shape (n, 3)
    fingerprints: list[np.ndarray | None]
    closest: dict[tuple[str, str], float]


def cut_out(
    atoms: Atoms,
    centre: int,
    bank: EnvironmentBank,
    *,
    most_atoms: int = 200,
    within: float = 0.1,
    closest: float = 0.9,
    vacuum: float = 10.0,
) -> Cutout:
    """A periodic cell around an atom that keeps the atom's environment.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic in any set of directions.
    centre : int
        Index of the atom.
    bank : EnvironmentBank
        Its symmetry functions, scaling and thresholds; its entries do not matter.
    most_atoms : int
        Largest number of atoms of the cut-out.
    within : float
        The central fingerprint stays within this times its element's threshold. (Other atoms are marked as
        kept within the threshold itself.)
    closest : float
        No two atoms come nearer to each other across the new boundary than this times the smallest distance
        of their elements in the original; of such a pair the atom farther from the centre is removed.
    vacuum : float
        Å of vacuum at least where the cut meets a surface.

    Returns
    -------
    Cutout
        Of the cells tried that keep the central environment the one with the largest share of kept
        environments; of several the smallest.

    Raises
    ------
    CutoutError
        If no cell of at most `most_atoms` atoms keeps the central environment.
    ValueError
        If there is no such atom, or its element has no symmetry functions.
    """
    symbol = _symbol_of(atoms, centre, bank)
    if most_atoms < 1:
        raise ValueError(f"at most {most_atoms} atoms: expected at least 1")
    longest = 2 * bank.functions.cutoff + _edge_of(atoms, centre, most_atoms)
    cell = _look_from(atoms, centre, bank, longest)
    best: Cutout | None = None
    nearest = np.inf
    tried: set[bytes] = set()
    for edge in np.arange(bank.functions.cutoff, longest, _STEP):
        if _inside(cell, np.full(3, edge - _AROUND), np.zeros(3)).sum() > _MOST_TRIED * most_atoms:
            break
        edges = _fitting(cell, edge)
        if edges.tobytes() in tried:
            continue
        tried.add(edges.tobytes())
        shifts = _clear_sides(cell, edges)
        if _inside(cell, edges, shifts).sum() > 1.5 * most_atoms:
            continue
        found = _cut(cell, edges, shifts, bank, closest, vacuum)
        if len(found.atoms) > most_atoms:
            continue
        nearest = min(nearest, found.distance)
        is_better = best is None or found.share_kept > best.share_kept + 1e-9
        if found.distance <= within and is_better:
            best = found
        if (edge > cell.heights).all():
            break  # the whole original
    if best is None:
        how_near = f"; the nearest is {nearest:.3g} thresholds away" if np.isfinite(nearest) else ""
        raise CutoutError(
            f"no cell of at most {most_atoms} atoms keeps the environment of {symbol} atom {centre} within "
            f"{within:g} thresholds{how_near}: allow more atoms"
        )
    return best


def _symbol_of(atoms: Atoms, centre: int, bank: EnvironmentBank) -> str:
    if not 0 <= centre < len(atoms):
        raise ValueError(f"atom index {centre}: the frame has {len(atoms)} atoms")
    symbol = str(atoms.symbols[centre])
    if not bank.functions.n_features.get(symbol):
        raise ValueError(f"atom index {centre}: the symmetry functions have none for {symbol}")
    return symbol


def _edge_of(atoms: Atoms, centre: int, n: int) -> float:
    """Edge of a cube that holds n atoms: at the frame's density, or around the centre without a cell."""
    if atoms.cell.rank == 3:
        return float((1.5 * n * atoms.get_volume() / len(atoms)) ** (1 / 3))
    extent = float(np.ptp(atoms.positions, axis=0).max() + 1.0)
    n_tried = int(_MOST_TRIED * n) + 1
    if n_tried >= len(atoms):
        return extent
    reach = np.abs(atoms.positions - atoms.positions[centre]).max(axis=1)
    return min(extent, 2 * float(np.partition(reach, n_tried)[n_tried]) + 2 * _AROUND + _STEP)


def _look_from(atoms: Atoms, centre: int, bank: EnvironmentBank, longest: float) -> _Cell:
    """Everything near the central atom, with its fingerprints in the original."""
    known = np.isin(atoms.get_chemical_symbols(), bank.functions.elements)
    periodic = np.array(atoms.pbc)
    vectors = np.array(atoms.cell.complete())
    normals = np.linalg.inv(vectors).T  # rows: perpendicular to the two other vectors, times 1 / height
    heights = 1 / np.linalg.norm(normals, axis=1)
    shares = (atoms.positions - atoms.positions[centre]) @ normals.T
    shares -= np.where(periodic, np.floor(shares + 0.5), 0.0)
    places = shares * heights
    limit = longest / 2 + bank.functions.cutoff
    is_whole = periodic & (heights <= 2 * limit)
    near = known & np.all(is_whole | (np.abs(places) <= limit), axis=1)
    from ase import Atoms as Structure

    indices = np.flatnonzero(near)
    mine = Structure(
        numbers=atoms.numbers[indices], positions=shares[indices] @ vectors, cell=vectors, pbc=is_whole
    )
    mine.arrays["id"] = _ids(atoms)[indices]
    fingerprints: list[np.ndarray | None] = [None] * len(mine)
    for rows_of, rows in bank.functions.create_by_element(mine).values():
        for i, row in zip(rows_of, rows, strict=True):
            fingerprints[i] = row
    return _Cell(
        atoms=mine,
        centre=int(np.searchsorted(indices, centre)),
        vectors=vectors,
        heights=np.where(periodic, heights, np.inf),
        places=places[indices],
        fingerprints=fingerprints,
        closest=_closest_pairs(mine),
    )


def _closest_pairs(atoms: Atoms) -> dict[tuple[str, str], float]:
    """The smallest distance of each pair of elements; 0.7 times the covalent radii where there is none within
    1.4 times these.
    """
    from ase.data import covalent_radii

    radius = {symbol: covalent_radii[z] for symbol, z in zip(atoms.symbols, atoms.numbers, strict=True)}
    cutoffs = {(a, b): 1.4 * (radius[a] + radius[b]) for a in radius for b in radius}
    first, second, distances = _pairs_within(atoms, max(cutoffs.values(), default=0.0))
    symbols = np.array(atoms.get_chemical_symbols())
    result = {}
    for a, b in cutoffs:
        mine = distances[(symbols[first] == a) & (symbols[second] == b) & (distances < cutoffs[a, b])]
        result[a, b] = float(mine.min()) if len(mine) else 0.5 * cutoffs[a, b]
    return result


def _pairs_within(atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices i, j and distances of all pairs within a cutoff.

    ASE sorts the atoms into bins of the cell and puts all that lie outside of it into the outermost bins,
    where the structure is not periodic. The search therefore runs in a cell that begins at the first atom and
    ends behind the last one in these directions; the distances are those of the given positions.
    """
    from ase.neighborlist import primitive_neighbor_list

    cell = np.array(atoms.cell)
    shares = atoms.positions @ np.linalg.inv(cell)
    low, high = shares.min(axis=0), shares.max(axis=0)
    margin = 1.0 / np.linalg.norm(cell, axis=1)  # 1 Å, in cell vectors
    is_open = ~np.array(atoms.pbc)
    own = cell * np.where(is_open, high - low + 2 * margin, 1.0)[:, None]
    origin = np.where(is_open, low - margin, 0.0) @ cell
    first, second, images = primitive_neighbor_list(
        "ijS", atoms.pbc, own, atoms.positions - origin, cutoff * (1 + 1e-9)
    )
    vectors = atoms.positions[second] - atoms.positions[first] + images.dot(cell)
    return first, second, np.sqrt(np.sum(vectors * vectors, axis=1))


def _inside(cell: _Cell, edges: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Which atoms are in a box of these heights; a direction in which the original is shorter stays whole."""
    is_whole = cell.heights <= edges
    low, high = shifts - edges / 2, shifts + edges / 2
    is_in = is_whole | ((cell.places >= low) & (cell.places < high))
    is_in[cell.centre] = True
    return np.all(is_in, axis=1)


def _clear_sides(cell: _Cell, edges: np.ndarray) -> np.ndarray:
    """How far to move the box so that fewest atoms are near its sides; of equal moves the shortest."""
    shifts = np.zeros(3)
    beside = (np.abs(cell.places) <= edges / 2 + _SHIFT) | (cell.heights <= edges)
    for axis in range(3):
        if cell.heights[axis] <= edges[axis]:
            continue
        places = cell.places[np.all(beside, axis=1) | (np.abs(cell.places[:, axis]) < _SHIFT), axis]
        tried = sorted(np.arange(-_SHIFT, _SHIFT + 1e-9, 0.125), key=lambda shift: (abs(shift), shift))
        near = [
            sum(int((np.abs(places - shift - side * edges[axis] / 2) < _CLEAR).sum()) for side in (-1, 1))
            for shift in tried
        ]
        shifts[axis] = tried[int(np.argmin(near))]
    return shifts


def _fitting(cell: _Cell, edge: float) -> np.ndarray:
    """Heights near `edge`, each where the atoms near one side of the box, moved to the other, come to lie
    nearest to atoms that are there; `edge` itself where no height is better than others (a liquid).
    """
    from scipy.spatial import cKDTree

    edges = np.full(3, edge)
    steps = cell.vectors * np.linalg.norm(np.linalg.inv(cell.vectors).T, axis=1)[:, None]  # for height 1
    tree = cKDTree(cell.atoms.positions)
    beside = np.abs(cell.places) <= edge / 2
    for axis in range(3):
        if cell.heights[axis] <= edge + _AROUND:
            edges[axis] = min(edge, cell.heights[axis]) if cell.heights[axis] > edge else cell.heights[axis]
            continue
        others = [k for k in range(3) if k != axis]
        column = np.all(beside[:, others] | (cell.heights[others] <= edge), axis=1)
        heights = np.arange(max(edge - _AROUND, 2.0), edge + _AROUND, _FINE)
        misfits = []
        for height in heights:
            side = column & (np.abs(cell.places[:, axis] + height / 2) <= _SKIN)
            moved = cell.atoms.positions[side] + height * steps[axis]
            misfits.append(tree.query(moved)[0].mean() if len(moved) else np.inf)
        best = int(np.argmin(misfits))
        if np.isfinite(misfits[best]) and misfits[best] < 0.7 * np.median(misfits):
            edges[axis] = heights[best]
    return edges


def _cut(
    cell: _Cell,
    edges: np.ndarray,
    shifts: np.ndarray,
    bank: EnvironmentBank,
    closest: float,
    vacuum: float,
) -> Cutout:
    from ase import Atoms

    inside = np.flatnonzero(_inside(cell, edges, shifts))
    lengths = _lengths(cell, cell.places[inside], edges, vacuum)
    norms = 1 / np.linalg.norm(np.linalg.inv(cell.vectors).T, axis=1)
    atoms = Atoms(
        numbers=cell.atoms.numbers[inside],
        positions=cell.atoms.positions[inside],
        cell=cell.vectors * (lengths / norms)[:, None],
        pbc=True,
    )
    stays = _without_clashes(atoms, np.flatnonzero(inside == cell.centre)[0], cell.closest, closest)
    inside, atoms = inside[stays], atoms[stays]
    centre = int(np.flatnonzero(inside == cell.centre)[0])
    distances = _distances(atoms, [cell.fingerprints[i] for i in inside], bank)
    is_kept = distances <= 1.0
    atoms.arrays["id"] = cell.atoms.arrays["id"][inside]
    roles = np.where(is_kept, KEPT, BUFFER).astype("<U6")
    roles[centre] = CENTRE
    atoms.set_array("role", roles)
    atoms.positions += atoms.cell.sum(axis=0) / 2 - atoms.positions[centre]
    found = Cutout(
        atoms, centre, lengths, float(distances[centre]), float(is_kept.mean()), int((~stays).sum())
    )
    atoms.info.update(
        cutout_distance=found.distance,
        cutout_kept=found.share_kept,
        cutout_removed=found.n_removed,
        cutout_centre=int(atoms.arrays["id"][centre]),
    )
    return found


def _lengths(cell: _Cell, places: np.ndarray, edges: np.ndarray, vacuum: float) -> np.ndarray:
    """Heights of the new cell: the edge, the original's own where it is shorter, more across a surface."""
    lengths = np.where(cell.heights <= edges, cell.heights, edges)
    extent = np.ptp(places, axis=0)
    empty = lengths - extent
    is_surface = (empty > _SURFACE) & (cell.heights > edges)
    return np.where(is_surface, extent + np.maximum(vacuum, empty), lengths)


def _without_clashes(
    atoms: Atoms, centre: int, smallest: dict[tuple[str, str], float], closest: float
) -> np.ndarray:
    """Which atoms stay when of each pair that is too close the one farther from the centre goes."""
    from ase.neighborlist import neighbor_list

    stays = np.ones(len(atoms), bool)
    present = set(atoms.get_chemical_symbols())
    cutoffs = {pair: closest * d for pair, d in smallest.items() if set(pair) <= present}
    if not cutoffs or len(atoms) == 1:
        return stays
    first, second = neighbor_list("ij", atoms, cutoffs)
    away = np.linalg.norm(atoms.positions - atoms.positions[centre], axis=1)
    pairs = {
        tuple(sorted(pair))
        for pair in zip(first.tolist(), second.tolist(), strict=True)
        if len(set(pair)) == 2
    }
    # the outermost pair first, so that an atom that goes frees the others it was too close to
    for a, b in sorted(pairs, key=lambda pair: (-max(away[pair[0]], away[pair[1]]), pair)):
        if stays[a] and stays[b]:
            stays[a if away[a] > away[b] else b] = False
    return stays


def _distances(atoms: Atoms, originals: list[np.ndarray | None], bank: EnvironmentBank) -> np.ndarray:
    """Of each environment from its original, in units of the element's threshold."""
    scaling = bank.scaling
    if scaling is None:
        raise ValueError("the bank's scaling is not known yet")
    result = np.zeros(len(atoms))
    try:
        rows_of = bank.functions.create_by_element(atoms)
    except ValueError:  # atoms at one place: nothing is kept
        return np.full(len(atoms), np.inf)
    for number, symbol in enumerate(bank.functions.elements):
        indices, rows = rows_of[symbol]
        if not len(indices):
            continue
        before = np.array([originals[i] for i in indices])
        scaled = (rows - before) * np.array(scaling.factor[number])
        result[indices] = np.linalg.norm(scaled, axis=1) / bank.thresholds[symbol]
    return result


def _ids(atoms: Atoms) -> np.ndarray:
    if "id" in atoms.arrays:
        return np.asarray(atoms.arrays["id"], dtype=np.int64)
    return np.arange(1, len(atoms) + 1)
