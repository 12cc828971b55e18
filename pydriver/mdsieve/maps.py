# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps: every frame a point of the plane, frames that are alike near each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from mdsieve.extras import MissingPackageError

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve import _core
    from mdsieve.descriptors import SymmetryFunctions

Method = Literal["pca", "tsne", "umap"]
METHODS: tuple[Method, ...] = ("pca", "tsne", "umap")

#: More points than these go to openTSNE; scikit-learn's t-SNE would take hours.
MOST_FOR_SKLEARN = 50_000


@dataclass(frozen=True)
class FrameMap:
    """Points of a map.

    Attributes
    ----------
    points : ndarray of float, shape (n_frames, 2)
    axes : tuple of str
        What the two axes are.
    """

    points: np.ndarray
    axes: tuple[str, str]


def mean_fingerprint(functions: SymmetryFunctions, scaling: _core.Scaling, atoms: Atoms) -> np.ndarray:
    """The mean scaled fingerprint of each element of a frame, one after the other.

    Equation 8 of Li et al., J. Chem. Phys. 160, 074109, for each element. An element that the frame has not
    counts as the zero of its scaled columns; atoms of elements that the functions do not know are left out.

    Returns
    -------
    ndarray of float, shape (sum of n_features,)
    """
    rows = functions.create_by_element(known_atoms(functions, atoms))
    parts = []
    for number, symbol in enumerate(functions.elements):
        shift, factor = np.array(scaling.shift[number]), np.array(scaling.factor[number])
        mine = rows[symbol][1]
        parts.append((mine.mean(axis=0) - shift) * factor if len(mine) else np.zeros(len(shift)))
    return np.concatenate(parts)


def known_atoms(functions: SymmetryFunctions, atoms: Atoms) -> Atoms:
    """The atoms of elements that the functions know."""
    is_known = np.isin(atoms.get_chemical_symbols(), functions.elements)
    return atoms if is_known.all() else atoms[is_known]


def mean_fingerprints(
    functions: SymmetryFunctions, scaling: _core.Scaling, frames: Iterable[Atoms]
) -> np.ndarray:
    """`mean_fingerprint` of some frames, shape (n_frames, sum of n_features)."""
    return np.array([mean_fingerprint(functions, scaling, atoms) for atoms in frames])


def difference_bits(functions: SymmetryFunctions, frames: Iterable[Atoms]) -> np.ndarray:
    """Difference vectors of some frames as numbers 0 and 1, ranges and reference taken from the same frames.

    The vectors of the DV-LAE map: Euclidean distances between them are the roots of Hamming distances. Atoms
    of elements that the functions do not know are left out; all frames are held in memory.

    Returns
    -------
    ndarray of float, shape (n_frames, n_bits)
    """
    from mdsieve.difference import DifferenceVectors

    held = [known_atoms(functions, atoms) for atoms in frames]
    vectors = DifferenceVectors(functions).fit(held)
    return vectors.unpack(vectors.training_vectors).astype(float)


def project(
    vectors: np.ndarray, method: Method = "pca", *, seed: int = 0, perplexity: float = 30.0
) -> FrameMap:
    """Bring vectors to the plane.

    Parameters
    ----------
    vectors : ndarray, shape (n_frames, n)
    method : {"pca", "tsne", "umap"}
        Principal components (NumPy); t-SNE by scikit-learn, above 50 000 frames by openTSNE; UMAP by
        umap-learn. t-SNE and UMAP need ``pip install mdsieve[maps]``.
    seed : int
        Of t-SNE and UMAP.
    perplexity : float
        Of t-SNE; reduced to a third of the number of frames where these are few. UMAP's number of neighbours
        is half of it.

    Raises
    ------
    MissingPackageError
        If the package for the method is not installed.
    ValueError
        If the method is unknown, or a vector is not finite.
    """
    vectors = np.asarray(vectors, dtype=float)
    if method not in METHODS:
        raise ValueError(f"map {method!r}: expected one of {', '.join(METHODS)}")
    if not np.isfinite(vectors).all():
        raise ValueError("map: a vector is not finite")
    if method == "pca" or len(vectors) < 5:
        return _pca(vectors)
    if method == "tsne":
        return FrameMap(_tsne(vectors, seed, min(perplexity, (len(vectors) - 1) / 3)), ("t-SNE 1", "t-SNE 2"))
    neighbours = int(np.clip(perplexity / 2, 2, len(vectors) - 1))
    return FrameMap(_umap(vectors, seed, neighbours), ("UMAP 1", "UMAP 2"))


def _pca(vectors: np.ndarray) -> FrameMap:
    centred = vectors - vectors.mean(axis=0) if len(vectors) else vectors
    points = np.zeros((len(vectors), 2))
    shares = [0.0, 0.0]
    if len(vectors) > 1 and centred.shape[1]:
        left, values, axes = np.linalg.svd(centred, full_matrices=False)
        # signs that do not depend on the library: the largest component of each axis is positive
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
        found = (left * values * np.where(signs == 0, 1, signs))[:, :2]
        points[:, : found.shape[1]] = found
        total = float((values**2).sum()) or 1.0
        shares = [*(values[:2] ** 2 / total), 0.0][:2]
    first, second = (f"principal component {i + 1} ({100 * share:.0f} %)" for i, share in enumerate(shares))
    return FrameMap(points, (first, second))


def _tsne(vectors: np.ndarray, seed: int, perplexity: float) -> np.ndarray:
    if len(vectors) > MOST_FOR_SKLEARN:
        try:
            from openTSNE import TSNE as OpenTSNE
        except ImportError:
            raise MissingPackageError(
                f"t-SNE of {len(vectors)} frames needs openTSNE: pip install mdsieve[maps]"
            ) from None
        return np.asarray(OpenTSNE(perplexity=perplexity, random_state=seed).fit(vectors))
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingPackageError("t-SNE needs scikit-learn: pip install mdsieve[maps]") from None
    start = _pca(vectors).points
    spread = start[:, 0].std()
    start = 1e-4 * start / (spread if spread > 0 else 1.0)
    return TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(vectors)


def _umap(vectors: np.ndarray, seed: int, neighbours: int) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError:
        raise MissingPackageError("UMAP needs umap-learn: pip install mdsieve[maps]") from None
    start = "random" if len(vectors) < 15 else "spectral"
    return np.asarray(
        UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1, init=start).fit_transform(vectors)
    )
