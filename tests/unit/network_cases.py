# SPDX-License-Identifier: GPL-2.0-or-later
"""Small ensembles of networks and structures for them."""

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from mdsieve import SymmetryFunctions
from mdsieve.potentials import Architecture, ElementNetworks, Layers, NetworkEnsemble

FUNCTIONS = """
elements Al Ni
cutoff_type 2
symfunction_short Al 2 Al 0.5 0.0 4.5
symfunction_short Al 2 Ni 0.5 0.0 4.5
symfunction_short Al 3 Ni Ni 0.05 -1 2 4.5
symfunction_short Ni 2 Al 0.8 0.0 4.5
symfunction_short Ni 2 Ni 0.1 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 9 Ni Ni 0.05 1 1 4.5
"""


def nickel_aluminium(seed: int, n_al: int = 4) -> Atoms:
    """16 atoms of a rattled fcc crystal."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Ni", a=3.6 + 0.2 * rng.random(), cubic=True) * (2, 2, 1)
    atoms.symbols[rng.permutation(16)[:n_al]] = "Al"
    atoms.rattle(0.1, seed=seed)
    return atoms


def random_ensemble(
    n_members: int = 3,
    layers: dict[str, Layers] | None = None,
    *,
    seed: int = 1,
    own_scaling: bool = False,
    text: str = FUNCTIONS,
) -> NetworkEnsemble:
    """Networks of random weights and biases, standardisation, offsets and scale."""
    functions = SymmetryFunctions.from_text(text)
    layers = layers or {"Al": Layers((5, 4), "tul"), "Ni": Layers((6,), "pl")}
    networks = ElementNetworks(Architecture(layers, n_members), functions.n_features, seed=seed)
    rng = np.random.default_rng(seed)
    rows = n_members if own_scaling else 1
    networks.set_standardisation(
        {
            s: (rng.normal(size=(rows, n)), rng.uniform(0.5, 2, (rows, n)))
            for s, n in functions.n_features.items()
        },
        rng.uniform(0.5, 2.0, n_members),
    )
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in networks.named_parameters():
        if "biases" in name:
            parameter.data.normal_(std=0.3, generator=generator)
    return NetworkEnsemble(
        functions, networks, {"Al": -3.4, "Ni": rng.normal(-4.8, 0.1, n_members)}, {"by": "a test"}
    )


def write_potential(folder, lines, sigma=True):
    """A folder of tanh networks with the given lines beside the functions, which are returned."""
    rng = np.random.default_rng(5)
    functions = SymmetryFunctions.from_text(FUNCTIONS)
    network = "global_hidden_layers_short 1\nglobal_nodes_short 5\nglobal_activation_short t l\n"
    (folder / "input.nn").write_text(f"number_of_elements 2\n{FUNCTIONS}\n{network}{lines}\n")
    rows = []
    for e, n in enumerate(functions.n_features.values(), 1):
        for rank in range(1, n + 1):
            low = rng.uniform(0, 1)
            rows.append(
                f"{e} {rank} {low} {low + rng.uniform(1, 2)} {low + 0.7}"
                + (f" {rng.uniform(0.5, 1)}" if sigma else "")
            )
    (folder / "scaling.data").write_text("# a comment\n" + "\n".join(rows) + "\n")
    for number, n in ((13, 3), (28, 4)):
        values = rng.normal(size=(n + 1) * 5 + 6)
        (folder / f"weights.{number:03d}.data").write_text("\n".join(map(repr, values.tolist())))
    return functions
