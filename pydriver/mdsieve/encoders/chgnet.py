# SPDX-License-Identifier: GPL-2.0-or-later
"""The readout of CHGNet, whose package carries its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.encoders.contract import AtomEncoder, of_each
from mdsieve.encoders.crystals import as_crystal
from mdsieve.extras import require

if TYPE_CHECKING:
    from ase import Atoms


class ChgnetReadout(AtomEncoder):
    """64 numbers a frame: CHGNet's atom features after its last layer, averaged over the atoms.

    Deng et al., Nat. Mach. Intell. 5, 1031 (2023). Versions of the model whose readout adds the atoms up are
    divided by their number, so that the size of the cell does not count. Frames must be crystals: periodic
    in three directions. Rows are single-precision numbers. Needs ``pip install 'mdsieve[chgnet]'``.

    Parameters
    ----------
    model : {"0.3.0", "0.2.0", "r2scan"}
        Version of the weights.
    device : str
        Where torch computes, e.g. ``"cuda"``.
    batch_size : int
        Frames a call of the model.
    """

    name = "chgnet"

    def __init__(self, model: str = "0.3.0", *, device: str = "cpu", batch_size: int = 16) -> None:
        self.model = model
        self.device = device
        self.batch_size = batch_size
        self._loaded: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}

    def describe(self) -> dict[str, Any]:
        """Version of the weights and of the package."""
        return {"encoder": self.name, "model": self.model, "version": require_chgnet().__version__}

    def encode_atoms(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """CHGNet's atom features before its last layer, 64 an atom."""
        found = self._predict(frames, return_atom_feas=True)
        return [np.asarray(each["atom_fea"], dtype=np.float64) for each in found]

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        found = self._predict(frames, return_crystal_feas=True)
        rows = np.array([each["crystal_fea"] for each in found], dtype=np.float64)
        if self._network().read_out_type != "sum":
            return rows
        return rows / np.array([len(atoms) for atoms in frames])[:, None]

    def _predict(self, frames: Sequence[Atoms], **wanted: bool) -> list[dict[str, Any]]:
        network = self._network()
        graphs = of_each(lambda atoms: network.graph_converter(as_crystal(atoms)), frames)
        torch = require("torch", "CHGNet", "chgnet")
        with torch.no_grad():
            found = network.predict_graph(graphs, task="e", batch_size=self.batch_size, **wanted)
        return [found] if isinstance(found, dict) else found

    def _network(self) -> Any:
        if self._loaded is None:
            import contextlib
            import io

            chgnet_model = require_chgnet("chgnet.model")
            with contextlib.redirect_stdout(io.StringIO()):  # it prints the number of its parameters
                try:
                    self._loaded = chgnet_model.CHGNet.load(
                        model_name=self.model, use_device=self.device, verbose=False
                    )
                except ValueError:
                    raise ValueError(
                        f"chgnet: model {self.model!r}, expected 0.3.0, 0.2.0 or r2scan"
                    ) from None
        return self._loaded


def require_chgnet(module: str = "chgnet") -> Any:
    """A module of the package chgnet."""
    return require(module, "the CHGNet encoder", "chgnet")
