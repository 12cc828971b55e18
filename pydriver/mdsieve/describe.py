# SPDX-License-Identifier: GPL-2.0-or-later
"""A sensible ``input.nn`` for given elements, and the ``scaling.data`` that belongs to it.

The scaling is computed over a built-in pool of structures: ideal lattices of the elements and of their
mixtures at several strains, rattled, and random cells. It needs no simulation, so a threshold means the same
in every run with the same description.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions

__all__ = [
    "default_scaling",
    "describe",
    "describe_aev",
    "scaling_data",
    "structure_pool",
    "write_description",
    "write_with_scaling",
]

LATTICES = ("fcc", "bcc", "hcp", "diamond", "sc")
STRETCHES = (0.85, 0.92, 1.0, 1.08, 1.18)
RATTLES = (0.0, 0.04, 0.1)
RANDOM_CELLS = 20

# The environment vector used for nickel in arXiv:2311.05407, lengths in Å.
AEV_CUTOFF = 6.9
AEV_ANGULAR_CUTOFF = 3.5
AEV_ETA, AEV_ANGULAR_ETA, AEV_ZETA = 19.7, 12.5, 14.1
AEV_SHIFTS = (*(1.06875 + 0.26875 * i for i in range(15)), 5.10, 5.37, 5.64, 5.91, 6.18, 6.44, 6.71)
AEV_ANGULAR_SHIFTS = tuple(0.8 + 0.3375 * i for i in range(8))
AEV_ANGLES = tuple(np.pi / 8 * i for i in (1, 3, 5, 7))


def describe(
    elements: Sequence[str],
    cutoff: float,
    *,
    n_radial: int | None = None,
    n_angular: int | None = None,
) -> str:
    """Text of an ``input.nn`` file: radial and narrow angular functions for every combination of elements.

    A third of the radial functions are Gaussians around the atom, of widths between half a bond and the
    cutoff; the others are of equal width and stand on a grid of distances from three quarters of a bond
    to the cutoff. The angular functions take zeta 1, 2, 4, 16, both signs of lambda and two widths, so far as
    their number goes.

    Parameters
    ----------
    elements : sequence of str
        Chemical symbols.
    cutoff : float
        Cutoff radius [Å].
    n_radial : int, optional
        Radial functions for each neighbour element. Default: 24 for one element, 12 for two, 8 for more.
    n_angular : int, optional
        Angular functions for each pair of neighbour elements, an even number, at most 32. Default: 16 for one
        element, 8 for two, 4 for more.

    Returns
    -------
    str
        The file, lengths in Å.

    Raises
    ------
    ValueError
        An unknown or repeated element, or a number out of range.
    """
    elements = _in_order(elements)
    n_radial = _default_number(n_radial, len(elements), (24, 12, 8))
    n_angular = _default_number(n_angular, len(elements), (16, 8, 4))
    if n_radial < 2:
        raise ValueError(f"n_radial is {n_radial}, expected at least 2")
    if n_angular < 0 or n_angular % 2 or n_angular > 32:
        raise ValueError(f"n_angular is {n_angular}, expected an even number from 0 to 32")
    shortest_bond = min(_bond(a, b) for a in elements for b in elements)
    if not shortest_bond < cutoff <= 100.0:
        raise ValueError(f"cutoff is {cutoff} Å, expected {shortest_bond:.2f} Å (a bond) to 100 Å")

    lines = _head("symmetry functions", elements, n_radial, n_angular)
    for central in elements:
        lines += ["", f"# {central}: eta r_s r_c"]
        for neighbour in elements:
            for eta, shift in _radial_grid(n_radial, _bond(central, neighbour), cutoff):
                lines.append(f"symfunction_short {central} 2 {neighbour} {eta:.6g} {shift:.6g} {cutoff:.6g}")
        lines.append(f"# {central}: eta lambda zeta r_c")
        for first, second in combinations_with_replacement(elements, 2):
            for eta, sign, zeta in _angular_grid(n_angular, cutoff):
                lines.append(
                    f"symfunction_short {central} 3 {first} {second} {eta:.6g} {sign:d} {zeta:g} {cutoff:.6g}"
                )
    return "\n".join(lines) + "\n"


def describe_aev(elements: Sequence[str], cutoff: float = AEV_CUTOFF) -> str:
    """Text of an ``input.nn`` file: ANI's atomic environment vector with the constants used for nickel.

    22 radial components for each neighbour element and 32 angular ones for each pair of them, the constants
    of arXiv:2311.05407 (ANI-2x's, radial part extended; angular cutoff 3.5 Å). At another cutoff all lengths
    are scaled with it, the Gaussians' widths too.

    Parameters
    ----------
    elements : sequence of str
        Chemical symbols.
    cutoff : float
        Cutoff radius of the radial components [Å].

    Returns
    -------
    str
        The file, lengths in Å.

    Raises
    ------
    ValueError
        An unknown or repeated element, or a cutoff out of range.
    """
    elements = _in_order(elements)
    if not 0.1 <= cutoff <= 100.0:
        raise ValueError(f"cutoff is {cutoff} Å, expected 0.1 Å to 100 Å")
    scale = cutoff / AEV_CUTOFF
    radial = [f"{AEV_ETA / scale**2:.10g} {shift * scale:.10g} {cutoff:.10g}" for shift in AEV_SHIFTS]
    angular = [
        f"{AEV_ANGULAR_ETA / scale**2:.10g} {AEV_ZETA} {angle:.17g} {shift * scale:.10g} "
        f"{AEV_ANGULAR_CUTOFF * scale:.10g}"
        for angle, shift in product(AEV_ANGLES, AEV_ANGULAR_SHIFTS)
    ]
    lines = _head("ANI's atomic environment vector", elements, len(radial), len(angular))
    for central in elements:
        lines += ["", f"# {central}: eta r_s r_c"]
        lines += [f"symfunction_short {central} aev_radial {n} {words}" for n in elements for words in radial]
        lines.append(f"# {central}: eta zeta theta_s r_s r_c")
        for first, second in combinations_with_replacement(elements, 2):
            start = f"symfunction_short {central} aev_angular {first} {second}"
            lines += [f"{start} {words}" for words in angular]
    return "\n".join(lines) + "\n"


def write_description(
    elements: Sequence[str],
    cutoff: float,
    path: str | Path,
    *,
    seed: int = 0,
    n_radial: int | None = None,
    n_angular: int | None = None,
) -> list[Path]:
    """Write an ``input.nn`` and its scaling.

    Parameters
    ----------
    elements, cutoff, n_radial, n_angular
        See :func:`describe`.
    path : str or Path
        The file to write. The scaling goes beside it: ``scaling.data`` if the file is called ``input.nn``,
        else the file's name with ``.nn`` replaced by ``.scaling.data``.
    seed : int
        Seed of the pool of structures.

    Returns
    -------
    list of Path
        The files written: description and scaling.
    """
    text = describe(elements, cutoff, n_radial=n_radial, n_angular=n_angular)
    return write_with_scaling(text, path, seed=seed)


def write_with_scaling(text: str, path: str | Path, *, seed: int = 0) -> list[Path]:
    """Write the text of an ``input.nn`` and the scaling that belongs to it.

    Parameters
    ----------
    text : str
        What :func:`describe` or :func:`describe_aev` gives.
    path, seed
        See :func:`write_description`.

    Returns
    -------
    list of Path
        The files written: description and scaling.
    """
    from mdsieve.descriptors import SymmetryFunctions

    path = Path(path)
    scaling = scaling_data(SymmetryFunctions.from_text(text, name=str(path)), seed=seed)
    path.write_text(text)
    scaling_path(path).write_text(scaling)
    return [path, scaling_path(path)]


def scaling_path(path: Path) -> Path:
    """Where its scaling lies: ``ni.scaling.data`` for ``ni.nn``, ``scaling.data`` for ``input.nn``."""
    return path.with_name("scaling.data" if path.name == "input.nn" else f"{path.stem}.scaling.data")


def default_scaling(functions: str | Path) -> str:
    """The scaling of commands that were given none.

    Parameters
    ----------
    functions : str or Path
        The ``input.nn`` file.

    Returns
    -------
    str
        Name of the scaling file beside the functions (see :func:`scaling_path`) if it exists, else
        ``"minmax"``: fitted on the frames that the command reads.
    """
    beside = scaling_path(Path(functions))
    return str(beside) if beside.is_file() else "minmax"


def scaling_data(functions: SymmetryFunctions, *, seed: int = 0) -> str:
    """Text of n2p2's ``scaling.data`` for a descriptor, over :func:`structure_pool`.

    Parameters
    ----------
    functions : SymmetryFunctions
        The descriptor; lengths and values are independent of the unit of its file.
    seed : int
        Seed of the pool.

    Returns
    -------
    str
        Minimum, maximum, mean and standard deviation of every column, n2p2's order.
    """
    from mdsieve import _core

    statistics = _core.ColumnStatistics(list(functions.n_features.values()))
    for atoms in structure_pool(functions.elements, seed=seed):
        for e, (indices, values) in enumerate(functions.create_by_element(atoms).values()):
            statistics.add(np.full(len(indices), e, dtype=np.int32), values.ravel())
    names = " ".join(functions.elements)
    header = f"# over mdsieve's pool of lattices and random cells of {names}, seed {seed}\n"
    return header + statistics.to_scaling_data(functions._core.descriptor)


def structure_pool(elements: Sequence[str], *, seed: int = 0) -> Iterator[Atoms]:
    """Structures that span what the elements may look like.

    Ideal fcc, bcc, hcp, diamond and simple cubic lattices, spacings from covalent radii (at least 1.6 Å)
    times 0.85 to 1.18, unrattled and rattled, and random cells of several densities; for each element alone,
    for each pair at three compositions, and for all together.

    Parameters
    ----------
    elements : sequence of str
        Chemical symbols.
    seed : int
        Seed of every random choice.

    Yields
    ------
    ase.Atoms
        Periodic structures of 8 to 32 atoms.
    """
    random = np.random.default_rng(seed)
    for shares in _compositions(len(elements)):
        spacing = float(np.dot(shares, [_spacing(e) for e in elements]))
        for lattice in LATTICES:
            for stretch in STRETCHES:
                for rattle in RATTLES:
                    atoms = _lattice(lattice, spacing * stretch)
                    atoms.positions += random.normal(scale=rattle * spacing, size=atoms.positions.shape)
                    atoms.symbols = _draw_symbols(elements, shares, len(atoms), random)
                    yield atoms
        for density in np.linspace(0.3, 1.1, RANDOM_CELLS):
            atoms = _random_cell(16, spacing, float(density), random)
            atoms.symbols = _draw_symbols(elements, shares, len(atoms), random)
            yield atoms


def _in_order(elements: Sequence[str]) -> list[str]:
    """The elements by atomic number, each of them known and there once."""
    from ase.data import atomic_numbers

    unknown = [e for e in elements if atomic_numbers.get(e, 0) < 1]
    if unknown or not elements:
        found = " ".join(unknown) or "none given"
        raise ValueError(f"elements: {found}, expected chemical symbols such as Ni")
    if len(set(elements)) != len(elements):
        raise ValueError(f"elements: {' '.join(elements)}, expected each symbol only once")
    return sorted(elements, key=atomic_numbers.__getitem__)


def _head(what: str, elements: Sequence[str], n_radial: int, n_angular: int) -> list[str]:
    return [
        f"# {what}, lengths in Angstrom, eta in 1/Angstrom^2",
        f"# {n_radial} radial functions for each neighbour element, {n_angular} angular for each pair",
        f"number_of_elements {len(elements)}",
        f"elements {' '.join(elements)}",
        "length_unit angstrom",
        "cutoff_type 1",
    ]


def _default_number(given: int | None, n_elements: int, defaults: tuple[int, int, int]) -> int:
    return defaults[min(n_elements, 3) - 1] if given is None else int(given)


def _bond(first: str, second: str) -> float:
    """Sum of the covalent radii [Å]."""
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])


def _spacing(element: str) -> float:
    """Distance of neighbours in a dense phase [Å]: a bond, but no less than first-row elements keep."""
    return max(_bond(element, element), 1.6)


def _radial_grid(n: int, bond: float, cutoff: float) -> list[tuple[float, float]]:
    """(eta, r_s) of the radial functions."""
    n_centred = max(1, n // 3)
    widths = np.geomspace(cutoff, 0.5 * bond, n_centred)
    centred = [(0.5 / width**2, 0.0) for width in widths]
    nearest = min(0.75 * bond, 0.5 * cutoff)
    shifts, step = np.linspace(nearest, cutoff, n - n_centred, endpoint=False, retstep=True)
    return centred + [(0.5 / step**2, shift) for shift in shifts]


def _angular_grid(n: int, cutoff: float) -> list[tuple[float, int, int]]:
    """(eta, lambda, zeta) of the angular functions, the most useful first."""
    zetas: tuple[int, ...] = {2: (1,), 4: (1, 4), 6: (1, 4, 16)}.get(n, (1, 2, 4, 16))
    n_widths = -(-n // (2 * len(zetas))) if n else 0
    widths = np.geomspace(cutoff, 0.4 * cutoff, n_widths) if n_widths > 1 else [0.7 * cutoff]
    if n == 8:
        zetas, widths = (1, 4), np.geomspace(cutoff, 0.4 * cutoff, 2)
    grid = [(0.5 / width**2, sign, zeta) for width in widths for zeta in zetas for sign in (1, -1)]
    return grid[:n]


def _compositions(n: int) -> Iterator[np.ndarray]:
    """Shares of the elements: each alone, pairs at three ratios, all together."""
    unit = np.eye(n)
    yield from unit
    for i in range(n):
        for j in range(i + 1, n):
            for share in (0.25, 0.5, 0.75):
                yield share * unit[i] + (1.0 - share) * unit[j]
    if n > 2:
        yield np.full(n, 1.0 / n)


def _draw_symbols(
    elements: Sequence[str], shares: np.ndarray, n: int, random: np.random.Generator
) -> list[str]:
    """Symbols of n atoms: every element with a share occurs, if there is room."""
    present = np.flatnonzero(shares)
    drawn = np.concatenate([present, random.choice(len(elements), size=n, p=shares)])[:n]
    return [elements[e] for e in random.permutation(drawn)]


def _lattice(name: str, bond: float) -> Atoms:
    """An ideal lattice with the given distance of nearest neighbours [Å]."""
    from ase.build import bulk

    if name == "hcp":
        return bulk("X", "hcp", a=bond, c=bond * np.sqrt(8.0 / 3.0)) * (2, 2, 2)
    constant_per_bond = {"fcc": 2**0.5, "bcc": 2.0 / 3**0.5, "diamond": 4.0 / 3**0.5, "sc": 1.0}
    repeat = {"fcc": (2, 2, 1), "bcc": (2, 2, 2), "diamond": (1, 1, 1), "sc": (2, 2, 2)}
    return bulk("X", name, a=bond * constant_per_bond[name], cubic=True) * repeat[name]


def _random_cell(n: int, spacing: float, density: float, random: np.random.Generator) -> Atoms:
    """Atoms at random in a skewed periodic cell, as far apart as the density allows.

    `density` is relative to a close packing of spheres whose diameter is the spacing.
    """
    from ase import Atoms

    volume = n * spacing**3 / np.sqrt(2.0) / density
    shape = np.eye(3) + random.uniform(-0.25, 0.25, size=(3, 3))
    cell = shape * (volume / abs(np.linalg.det(shape))) ** (1.0 / 3.0)
    images = np.array(list(product((-1, 0, 1), repeat=3))) @ cell
    positions = np.empty((n, 3))
    placed, apart, refused = 0, 0.9 * spacing, 0
    while placed < n:
        candidate = random.random(3) @ cell
        separations = (candidate - positions[:placed, None, :] - images).reshape(-1, 3)
        if placed and np.einsum("ij,ij->i", separations, separations).min() < apart**2:
            refused += 1
            if refused % 30 == 0:
                apart *= 0.93
            continue
        positions[placed] = candidate
        placed += 1
    return Atoms("X" * n, positions=positions, cell=cell, pbc=True)
