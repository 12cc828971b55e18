# SPDX-License-Identifier: GPL-2.0-or-later
"""The readout of M3GNet and other networks of matgl."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.encoders.contract import AtomEncoder, of_each, stacked
from mdsieve.encoders.crystals import require_crystal
from mdsieve.extras import require

if TYPE_CHECKING:
    from ase import Atoms

#: The model of formation energies, trained anew for matgl; the DIRECT paper took that of the first M3GNet.
FORMATION_ENERGY = "M3GNet-Eform-MP-2019.4.1"


class M3gnetReadout(AtomEncoder):
    """What M3GNet's readout layer hands to the last network: the encoder of the DIRECT paper.

    Chen and Ong, Nat. Comput. Sci. 2, 718 (2022), as matgl has it. A model of an intensive property has a
    readout of its own, which is taken as it is; of a potential the node features of the last block are
    averaged over the atoms. Frames must be crystals. Rows are single-precision numbers.
    Needs ``pip install 'mdsieve[matgl]'``.

    Parameters
    ----------
    model : path or str
        A folder that matgl saved a model to (``model.json``, ``model.pt``, ``state.pt``), or the name of a
        model that matgl downloads and keeps in its cache.
    device : str
        Where torch computes.
    """

    name = "m3gnet"

    def __init__(self, model: str | Path = FORMATION_ENERGY, *, device: str = "cpu") -> None:
        self.model = str(model)
        self.device = device
        self._loaded: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}

    def describe(self) -> dict[str, Any]:
        """The model and the version of the package."""
        return {"encoder": self.name, "model": self.model, "version": _matgl().__version__}

    def encode_atoms(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Node features after the last block."""
        self._network()
        return of_each(self._nodes, frames)

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        self._network()  # a model that cannot be had is no fault of the first frame
        return stacked(of_each(self._readout, frames), self.name)

    def _readout(self, atoms: Atoms) -> np.ndarray:
        if self._network().is_intensive:
            return _as_rows(self._features(atoms)["readout"]).reshape(-1)
        return self._nodes(atoms).mean(axis=0)

    def _nodes(self, atoms: Atoms) -> np.ndarray:
        return _as_rows(self._features(atoms)[f"gc_{self._network().n_blocks}"]["node_feat"])

    def _features(self, atoms: Atoms) -> dict[str, Any]:
        """All layers' features of a frame."""
        torch = require("torch", "the M3GNet encoder", "matgl")
        network = self._network()
        require_crystal(atoms)
        unknown = sorted(set(atoms.get_chemical_symbols()) - set(network.element_types))
        if unknown:
            raise ValueError(f"the model {self.model} does not know element {' '.join(unknown)}")
        converter = _matgl("matgl.ext.ase").Atoms2Graph(network.element_types, network.cutoff)
        graph, lattice, state = converter.get_graph(atoms)
        graph.pbc_offshift = graph.pbc_offset @ lattice[0]
        graph.pos = graph.frac_coords @ lattice[0]
        with torch.no_grad():
            network(g=graph.to(self.device), state_attr=torch.tensor(state, dtype=torch.float32))
        return network.feature_dict

    def _network(self) -> Any:
        if self._loaded is None:
            try:
                found = _matgl().load_model(self.model)
            except (ValueError, RuntimeError, OSError) as error:
                raise ValueError(
                    f"matgl has no model {self.model!r}: expected a folder with model.json, model.pt and "
                    f"state.pt, or the name of one that can be downloaded ({_first_cause(error)})"
                ) from error
            network = getattr(found, "model", found)  # a potential wraps its network
            if type(network).__name__ != "M3GNet":
                raise ValueError(f"{self.model}: a {type(network).__name__} of matgl, expected an M3GNet")
            self._loaded = network.eval().to(self.device)
        return self._loaded


def _as_rows(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _first_cause(error: BaseException) -> str:
    """The first line of what went wrong at the bottom."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return (str(error) or type(error).__name__).splitlines()[0]


def _matgl(module: str = "matgl") -> Any:
    return require(module, "the M3GNet encoder", "matgl")
