# SPDX-License-Identifier: GPL-2.0-or-later
"""Fingerprints against an independent program (DScribe), the printed equations, and symmetry."""

import itertools
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.geometry import complete_cell
from hypothesis import given, settings
from hypothesis import strategies as st

from mdsieve import SymmetryFunctions

# agreement that is promised: relative error and absolute floor
TOLERANCE = {"double": (1e-10, 1e-12), "mixed": (1e-5, 1e-6)}

RADIAL = [(eta, shift) for eta in (0.003, 0.1, 1.0, 6.0) for shift in (0.0, 2.0, 3.1)]
ANGULAR = [(eta, zeta, sign) for eta in (0.005, 0.06, 0.4) for zeta in (1, 2, 4, 16) for sign in (1, -1)]
CUTOFF = 6.0


def rattled(atoms: Atoms, seed: int = 1, scale: float = 0.12) -> Atoms:
    atoms = atoms.copy()
    atoms.rattle(scale, seed=seed)
    return atoms


def nickel() -> Atoms:
    return rattled(bulk("Ni", cubic=True) * (2, 2, 2))


def alloy() -> Atoms:
    atoms = rattled(bulk("Al", "fcc", a=3.8, cubic=True) * (2, 2, 2))
    atoms.symbols[::3] = "Ni"
    atoms.symbols[1::5] = "Pd"
    return atoms


def triclinic() -> Atoms:
    atoms = alloy()
    atoms.set_cell(atoms.cell @ [[1.0, 0.1, 0.0], [0.3, 0.95, -0.2], [-0.1, 0.25, 1.1]], scale_atoms=True)
    return atoms


def slab() -> Atoms:
    atoms = fcc111("Al", (2, 2, 3), a=4.05, vacuum=4.0)
    add_adsorbate(atoms, "Ni", 1.8, "fcc")
    add_adsorbate(atoms, "Pd", 2.4, "bridge", offset=1)
    return rattled(atoms, scale=0.05)


def primitive() -> Atoms:
    return bulk("Ni")


def cluster() -> Atoms:
    atoms = alloy()[:13]
    atoms.pbc = False
    atoms.cell = None
    return atoms


STRUCTURES = [nickel, primitive, alloy, triclinic, slab, cluster]


def description(elements: list[str], angular_type: int) -> str:
    lines = [f"elements {' '.join(elements)}", "cutoff_type 1"]
    for central in elements:
        for neighbour, (eta, shift) in itertools.product(elements, RADIAL):
            lines.append(f"symfunction_short {central} 2 {neighbour} {eta} {shift} {CUTOFF}")
        for pair in itertools.combinations_with_replacement(elements, 2):
            for eta, zeta, sign in ANGULAR:
                start = f"symfunction_short {central} {angular_type} {' '.join(pair)}"
                lines.append(f"{start} {eta} {sign} {zeta} {CUTOFF}")
    return "\n".join(lines)


def dscribe_columns(elements: list[str], atoms: Atoms, angular_type: int) -> np.ndarray:
    """DScribe's ACSF in our column order: its columns go by neighbour element, then by function."""
    from dscribe.descriptors import ACSF

    angular = {"g4_params" if angular_type == 3 else "g5_params": [list(a) for a in ANGULAR]}
    acsf = ACSF(
        r_cut=CUTOFF,
        species=elements,
        g2_params=[list(r) for r in RADIAL],
        periodic=bool(atoms.pbc.any()),
        **angular,
    )
    values = acsf.create(atoms)
    n_radial = 1 + len(RADIAL)  # the first is DScribe's G1, the sum of the cutoff function
    keep = [e * n_radial + k for e in range(len(elements)) for k in range(1, n_radial)]
    n_pairs = len(elements) * (len(elements) + 1) // 2
    start = n_radial * len(elements)
    # DScribe orders its pairs as (0,0), (1,0), (1,1), (2,0), ...
    order = sorted(
        itertools.combinations_with_replacement(range(len(elements)), 2), key=lambda p: (p[1], p[0])
    )
    for pair in itertools.combinations_with_replacement(range(len(elements)), 2):
        first = start + order.index(pair) * len(ANGULAR)
        keep += range(first, first + len(ANGULAR))
    assert values.shape[1] == start + n_pairs * len(ANGULAR)
    return values[:, keep]


@pytest.mark.parametrize("angular_type", [3, 9])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_agrees_with_dscribe(structure, angular_type):
    atoms = structure()
    if 0 < atoms.pbc.sum() < 3:  # DScribe repeats along all cell vectors: give it room where nothing repeats
        atoms = atoms.copy()
        atoms.cell = complete_cell(atoms.cell)
        atoms.cell[2, 2] += 30.0
    elements = ["Al", "Ni", "Pd"] if len(set(atoms.numbers)) > 1 else ["Ni"]
    expected = dscribe_columns(elements, atoms, angular_type)
    for precision, (relative, absolute) in TOLERANCE.items():
        functions = SymmetryFunctions.from_text(description(elements, angular_type), precision=precision)
        np.testing.assert_allclose(functions.create(structure()), expected, rtol=relative, atol=absolute)


def printed_cutoff(kind: int, r: np.ndarray, cutoff: float, alpha: float) -> np.ndarray:
    x = np.clip((r - alpha * cutoff) / (cutoff - alpha * cutoff), 0.0, None)
    with np.errstate(divide="ignore", over="ignore"):
        inside = {
            0: np.ones_like(r),
            1: 0.5 * (np.cos(np.pi * x) + 1),
            2: np.tanh(1 - r / cutoff) ** 3,
            3: np.tanh(1 - r / cutoff) ** 3 / np.tanh(1) ** 3,
            4: np.exp(1 - 1 / (1 - np.minimum(x, 1 - 1e-15) ** 2)),
            5: (2 * x - 3) * x**2 + 1,
            6: ((15 - 6 * x) * x - 10) * x**3 + 1,
            7: (x * (x * (20 * x - 70) + 84) - 35) * x**4 + 1,
            8: (x * (x * ((315 - 70 * x) * x - 540) + 420) - 126) * x**5 + 1,
        }[kind]
    return np.where(r < cutoff, inside, 0.0)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("kind", range(9))
def test_dimer_traces_each_cutoff_function(kind, alpha, precision):
    """With eta = 0 the radial function of a dimer is the cutoff function itself."""
    functions = SymmetryFunctions.from_text(
        f"elements Ni\ncutoff_type {kind} {alpha}\nsymfunction_short Ni 2 Ni 0 0 5.0", precision=precision
    )
    distances = np.linspace(0.05, 5.5, 300)
    values = [functions.create(Atoms("Ni2", [[0, 0, 0], [0, 0, d]]))[0, 0] for d in distances]
    relative, absolute = TOLERANCE[precision]
    expected = printed_cutoff(kind, distances, 5.0, alpha)
    np.testing.assert_allclose(values, expected, rtol=relative, atol=absolute)


def test_weighted_functions_of_a_water_molecule():
    """Types 12 and 13 by hand: weights Z_j and Z_j Z_k over all neighbours, whatever their element."""
    water = molecule("H2O")
    functions = SymmetryFunctions.from_text(
        "elements H O\ncutoff_type 1\n"
        "symfunction_short O 12 0.3 0.5 6\n"
        "symfunction_short O 13 0.1 0.2 -1 3 6\n"
        "symfunction_short H 12 0.3 0.5 6\n"
    )
    oxygen, first, second = water.positions
    a, b, c = first - oxygen, second - oxygen, second - first
    ra, rb, rc = (np.linalg.norm(v) for v in (a, b, c))

    def fc(r):
        return 0.5 * (np.cos(np.pi * r / 6) + 1)

    def gauss(r, eta, shift):
        return np.exp(-eta * (r - shift) ** 2) * fc(r)

    cosine = a @ b / (ra * rb)
    radial = gauss(ra, 0.3, 0.5) + gauss(rb, 0.3, 0.5)
    angular = 2.0**-2 * (1 - cosine) ** 3 * gauss(ra, 0.1, 0.2) * gauss(rb, 0.1, 0.2) * gauss(rc, 0.1, 0.2)
    values = functions.create_by_element(water)
    assert functions.n_features == {"H": 1, "O": 2}
    np.testing.assert_allclose(values["O"][1], [[radial, angular]], rtol=1e-12)
    hydrogen = [8 * gauss(r, 0.3, 0.5) + gauss(rc, 0.3, 0.5) for r in (ra, rb)]
    np.testing.assert_allclose(values["H"][1][:, 0], hydrogen, rtol=1e-12)
    assert list(values["O"][0]) == [0]
    assert list(values["H"][0]) == [1, 2]


def test_angle_offset_and_scaled_eta():
    """The extensions for PyAMFF's functions: (1 + lambda cos(theta - theta_s))^zeta and eta / r_c^2."""
    functions = SymmetryFunctions.from_text(
        "elements Ni\ncutoff_type 1\neta_unit inverse_cutoff_squared\n"
        "symfunction_short Ni 9 Ni Ni 0.8 1 2.5 6.0 theta_s 0.7"
    )
    theta = 1.9
    atoms = Atoms("Ni3", [[0, 0, 0], [2.0, 0, 0], [2.5 * np.cos(theta), 2.5 * np.sin(theta), 0]])

    def gauss(r):
        return np.exp(-0.8 / 36.0 * r**2) * 0.5 * (np.cos(np.pi * r / 6) + 1)

    expected = 2.0**-1.5 * (1 + np.cos(theta - 0.7)) ** 2.5 * gauss(2.0) * gauss(2.5)
    np.testing.assert_allclose(functions.create(atoms)[0, 0], expected, rtol=1e-12)


def test_values_do_not_depend_on_the_unit_of_length():
    bohr = 0.529177210903

    def description_in(length: float) -> str:
        eta, narrow, shift, cutoff = 0.2 / length**2, 0.05 / length**2, 3.0 * length, 6.0 * length
        return (
            f"elements Ni\ncutoff_type 2\nsymfunction_short Ni 2 Ni {eta!r} {shift!r} {cutoff!r}\n"
            f"symfunction_short Ni 3 Ni Ni {narrow!r} 1 4 {cutoff!r}\n"
        )

    angstrom = SymmetryFunctions.from_text(description_in(1.0))
    in_bohr = SymmetryFunctions.from_text(description_in(1.0 / bohr), length_unit="bohr")
    np.testing.assert_allclose(in_bohr.create(nickel()), angstrom.create(nickel()), rtol=1e-12)


SMALL = SymmetryFunctions.from_text(description(["Al", "Ni"], 3))


@st.composite
def clouds(draw):
    """A few atoms in a box, none too close to another."""
    n = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    positions: list[np.ndarray] = []
    while len(positions) < n:
        candidate = random.uniform(0, 7, 3)
        if all(np.linalg.norm(candidate - p) > 0.8 for p in positions):
            positions.append(candidate)
    periodic = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    symbols = [["Al", "Ni"][i] for i in random.integers(0, 2, n)]
    return Atoms(symbols, positions, cell=np.eye(3) * 8 + random.uniform(-1, 1, (3, 3)), pbc=periodic)


@settings(max_examples=40, deadline=None)
@given(clouds(), st.integers(0, 2**32 - 1))
def test_invariant_under_rotation_reflection_translation_and_order(atoms, seed):
    random = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    moved = atoms.copy()
    moved.set_cell(atoms.cell @ rotation)
    moved.positions = atoms.positions @ rotation + random.normal(scale=20, size=3)
    order = random.permutation(len(atoms))
    np.testing.assert_allclose(SMALL.create(moved[order]), SMALL.create(atoms)[order], rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(clouds(), st.integers(0, 2**32 - 1))
def test_smooth(atoms, seed):
    """Central differences of two step lengths agree: no kink or jump, also where atoms cross the cutoff."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=(len(atoms), 3))

    def along(step: float) -> np.ndarray:
        shifted = atoms.copy()
        shifted.positions += step * direction
        return SMALL.create(shifted)

    h = 1e-3
    wide = (along(2 * h) - along(-2 * h)) / (4 * h)
    narrow = (along(h) - along(-h)) / (2 * h)
    scale = 1.0 + np.abs(narrow).max() + np.abs(along(0)).max()
    assert np.abs(wide - narrow).max() < 2e-2 * scale


def test_order_of_atoms_changes_no_bit():
    """Reversed atoms: the search finds neighbours in another order, the vectors are the same."""
    atoms = alloy()
    atoms.pbc = False
    for precision in TOLERANCE:
        functions = SymmetryFunctions.from_text(description(["Al", "Ni", "Pd"], 3), precision=precision)
        order = np.random.default_rng(5).permutation(len(atoms))
        np.testing.assert_array_equal(functions.create(atoms[order]), functions.create(atoms)[order])


def test_threads_and_lists_give_the_same():
    atoms = [alloy(), triclinic()]
    functions = SymmetryFunctions.from_text(description(["Al", "Ni", "Pd"], 9))
    single = functions.create(atoms)
    assert isinstance(single, list)
    assert len(single) == 2
    for a, expected in zip(atoms, single, strict=True):
        np.testing.assert_array_equal(functions.create(a, n_jobs=2), expected)
        by_element = functions.create_by_element(a, n_jobs=2)
        assert list(by_element) == ["Al", "Ni", "Pd"]
        for symbol, (indices, values) in by_element.items():
            assert all(a.symbols[indices] == symbol)
            np.testing.assert_array_equal(values, expected[indices])


def test_supercells_repeat_their_cell():
    functions = SymmetryFunctions.from_text(description(["Ni"], 3))
    np.testing.assert_allclose(
        functions.create(primitive() * (3, 2, 4)),
        np.repeat(functions.create(primitive()), 24, axis=0),
        rtol=1e-11,
        atol=1e-12,
    )


def test_attributes():
    text = (
        "elements Ni Al\ncutoff_type 1\n"
        "symfunction_short Ni 2 Al 0.1 0.5 6\nsymfunction_short Ni 9 Ni Al 0.01 -1 4 5"
    )
    functions = SymmetryFunctions.from_text(text)
    assert functions.elements == ["Al", "Ni"]
    assert functions.n_features == {"Al": 0, "Ni": 2}
    assert functions.cutoff == 6.0
    assert functions.feature_names["Ni"] == [
        "G2 Ni-Al eta=0.1 rs=0.5 rc=6",
        "G5 Ni-Al-Ni eta=0.01 rs=0 lambda=-1 zeta=4 rc=5",
    ]
    assert functions.text == text
    assert functions.instruction_set in ("portable", "avx2", "avx512")
    copy = pickle.loads(pickle.dumps(functions))
    assert copy.hash == functions.hash
    values = functions.create_by_element(alloy()[alloy().numbers != 46])
    assert values["Al"][1].shape[1] == 0
    assert values["Ni"][1].shape[1] == 2


def test_file(tmp_path):
    path = tmp_path / "ni.nn"
    path.write_bytes(
        b"# caf\xe9, an old file\nelements Ni\ncutoff_type 1\nsymfunction_short Ni 2 Ni 0.1 0 6\n"
    )
    assert SymmetryFunctions.from_file(path).n_features == {"Ni": 1}
    path.write_text("elements Ni\nsymfunktion_short\n")
    with pytest.raises(ValueError, match=r"ni\.nn:2: unknown word 'symfunktion_short'.*'symfunction_short'"):
        SymmetryFunctions.from_file(path)
    with pytest.raises(FileNotFoundError):
        SymmetryFunctions.from_file(tmp_path / "absent.nn")


def test_bad_structures_are_refused():
    unequal = SymmetryFunctions.from_text(
        "elements Ni Al\ncutoff_type 1\nsymfunction_short Ni 2 Al 0.1 0.5 6"
    )
    with pytest.raises(ValueError, match=r"Al 0, Ni 1.*create_by_element"):
        unequal.create(nickel())
    with pytest.raises(
        ValueError, match="element Pd of the structure is not in the descriptor, which knows Al Ni"
    ):
        SMALL.create(alloy())
    with pytest.raises(ValueError, match="same place"):
        SMALL.create(Atoms("Ni2", [[0, 0, 0], [0, 0, 0]]))
    with pytest.raises(ValueError, match="not finite"):
        SMALL.create(Atoms("Ni2", [[0, 0, 0], [0, np.nan, 0]]))
    with pytest.raises(ValueError, match="cell vector 1, which is zero"):
        SMALL.create(Atoms("Ni", cell=[3, 0, 3], pbc=[True, True, False]))
    with pytest.raises(ValueError, match="no volume"):
        SMALL.create(Atoms("Ni", cell=[[3, 0, 0], [3, 0, 0], [0, 0, 3]], pbc=True))
    with pytest.raises(ValueError, match="n_jobs"):
        SMALL.create(nickel(), n_jobs=0)
    with pytest.raises(ValueError, match="precision 'single', expected double or mixed"):
        SymmetryFunctions.from_text(SMALL.text, precision="single")


def test_nothing_and_nobody():
    assert SMALL.create(Atoms()).shape == (0, SMALL.n_features["Ni"])
    lonely = SMALL.create(Atoms("Ni"))
    assert lonely.shape[0] == 1
    assert not lonely.any()


def test_n2p2_order_is_a_permutation_sorted_by_parameters():
    functions = SymmetryFunctions.from_text(description(["Al", "Ni"], 3))
    rank = functions.n2p2_order("Ni")
    names = [name for _, name in sorted(zip(rank, functions.feature_names["Ni"], strict=True))]
    assert sorted(rank) == list(range(len(rank)))
    assert [n.split()[0] for n in names] == ["G2"] * 24 + ["G4"] * 72
    assert names[:3] == [
        "G2 Ni-Al eta=0.003 rs=0 rc=6",
        "G2 Ni-Ni eta=0.003 rs=0 rc=6",
        "G2 Ni-Al eta=0.003 rs=2 rc=6",
    ]
    with pytest.raises(ValueError, match="'Cu' is not in the descriptor"):
        functions.n2p2_order("Cu")


def test_ten_thousand_functions_are_what_they_are_one_by_one():
    radial = [f"symfunction_short Ni 2 Ni {0.0005 * (i + 1):.4f} 0 4.5" for i in range(5000)]
    angular = [
        f"symfunction_short Ni 3 Ni Ni {0.0005 * (i + 1):.4f} {sign} {zeta} 4.5"
        for sign in (-1, 1)
        for zeta in (1, 2, 4, 16)
        for i in range(625)
    ]
    head = "elements Ni\ncutoff_type 1\n"
    lines = radial + angular
    functions = SymmetryFunctions.from_text(head + "\n".join(lines))
    assert functions.n_features == {"Ni": 10_000}
    values = functions.create(primitive())
    for column in (0, 1, 2500, 4999, 5000, 7777, 9999):
        alone = SymmetryFunctions.from_text(head + lines[column]).create(primitive())
        np.testing.assert_allclose(values[:, [column]], alone, *TOLERANCE["double"])
