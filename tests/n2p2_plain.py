# SPDX-License-Identifier: GPL-2.0-or-later
"""What n2p2 makes of a potential's folder, in a few plain lines: independent of the package's own reader."""

from pathlib import Path

import numpy as np
from ase import Atoms

FUNCTIONS = {
    "t": np.tanh,
    "p": lambda x: np.log1p(np.exp(x)),
    "s": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "l": lambda x: x,
}
SLOPES = {
    "t": lambda y: 1.0 - y**2,
    "p": lambda y: 1.0 - np.exp(-y),
    "s": lambda y: y * (1.0 - y),
    "l": np.ones_like,
}  # of the function's value


def keyword(folder: Path, word: str) -> list[str] | None:
    for line in (folder / "input.nn").read_text().splitlines():
        words = line.split("#")[0].split()
        if words and words[0] == word:
            return words[1:]
    return None


def scaling_columns(folder: Path, element: int) -> np.ndarray:
    """min, max, mean, sigma of an element in n2p2's sorted order, shape (n_functions, 4)."""
    table = np.loadtxt(folder / "scaling.data", ndmin=2)
    rows = table[table[:, 0] == element + 1]
    return rows[np.argsort(rows[:, 1]), 2:6]


def network(folder: Path, number: int, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and their derivatives by the inputs; values in the order of the lines."""
    values = iter(np.loadtxt(folder / f"weights.{number:03d}.data", usecols=0))
    hidden = [int(w) for w in keyword(folder, "global_nodes_short")]
    letters = keyword(folder, "global_activation_short")
    slopes = np.broadcast_to(np.eye(inputs.shape[1]), (len(inputs), inputs.shape[1], inputs.shape[1]))
    for n_out, letter in zip([*hidden, 1], letters, strict=True):
        n_in = inputs.shape[1]
        weight = np.array([[next(values) for _ in range(n_out)] for _ in range(n_in)])
        inputs = FUNCTIONS[letter](inputs @ weight + np.array([next(values) for _ in range(n_out)]))
        slopes = (slopes @ weight) * SLOPES[letter](inputs)[:, None, :]
    assert next(values, None) is None
    return inputs[:, 0], slopes[:, :, 0]


def predict(folder: Path, functions, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Energy and forces in the folder's unit of energy, from the fingerprints of `functions`."""
    energy, gradient = 0.0, np.zeros((len(atoms), 3))
    derivatives = functions.derivatives_by_element(atoms)
    offsets = {
        words[1]: float(words[2])
        for words in map(str.split, (folder / "input.nn").read_text().splitlines())
        if words and words[0] == "atom_energy"
    }
    for e, (symbol, (_, values)) in enumerate(functions.create_by_element(atoms).items()):
        low, high, mean, sigma = scaling_columns(folder, e).T
        order = functions.n2p2_order(symbol)
        ordered = np.empty_like(values)
        ordered[:, order] = values
        width = sigma if keyword(folder, "scale_symmetry_functions_sigma") is not None else high - low
        centred = (
            keyword(folder, "scale_symmetry_functions") is None
            or keyword(folder, "center_symmetry_functions") is not None
        )
        energies, slopes = network(
            folder, Atoms(symbol).numbers[0], (ordered - (mean if centred else low)) / width
        )
        energy += energies.sum()
        gradient += derivatives[symbol].position_gradient((slopes / width)[:, order])
    mean_energy, conv_energy = (
        (keyword(folder, w) or [default])[0] for w, default in (("mean_energy", 0), ("conv_energy", 1))
    )
    energy = energy / float(conv_energy) + len(atoms) * float(mean_energy)
    energy += sum(offsets.get(symbol, 0.0) for symbol in atoms.symbols)
    return energy, -gradient / float(conv_energy)
