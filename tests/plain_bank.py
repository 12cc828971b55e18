# SPDX-License-Identifier: GPL-2.0-or-later
"""The greedy rule of J. Chem. Phys. 160, 074109 written down in NumPy, as plainly as it is printed.

Written from the paper for comparison; it shares nothing with the package.
"""

import numpy as np


def plain_scaling(fingerprints: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Min-max scaling of one element's columns: (shift, factor); a constant column keeps factor 1."""
    everything = np.concatenate(fingerprints)
    low, high = everything.min(axis=0), everything.max(axis=0)
    spread = high - low
    constant = spread <= 10 * np.finfo(float).eps * np.maximum(1.0, np.maximum(abs(low), abs(high)))
    return low, 1.0 / np.where(constant, 1.0, spread)


def plain_selection(frames, thresholds: dict[str, float], scaling: dict[str, tuple], or_equal: bool = False):
    """Go through frames and atoms in order and pick.

    Parameters
    ----------
    frames : list of list of (str, ndarray)
        Element and unscaled fingerprint of each atom of each frame.
    scaling : dict of str to (shift, factor)
    or_equal : bool
        Accept distances equal to the threshold too, as the authors' script does.

    Returns
    -------
    kept : list of int
        Frames with at least one new environment.
    picks : list of (int, int)
        Frame and atom of each stored environment, in order.
    """
    bank = {element: np.empty((0, len(shift))) for element, (shift, _) in scaling.items()}
    kept, picks = [], []
    for number, frame in enumerate(frames):
        for atom, (element, fingerprint) in enumerate(frame):
            shift, factor = scaling[element]
            x = (fingerprint - shift) * factor
            stored = bank[element]
            smallest = np.sqrt(((stored - x) ** 2).sum(axis=1)).min() if len(stored) else np.inf
            if smallest > thresholds[element] or (or_equal and smallest == thresholds[element]):
                bank[element] = np.vstack([stored, x])
                picks.append((number, atom))
                if not kept or kept[-1] != number:
                    kept.append(number)
    return kept, picks


def plain_novelty(frames, picks, number: int, thresholds: dict[str, float]) -> tuple[float, int | None]:
    """Novelty of a frame, measured against the picks of the frames before it, and the atom that has it.

    `frames` and `picks` are those of `plain_selection`, unscaled; the first of several atoms, None of none.
    """
    largest, where = 0.0, None
    for atom, (element, fingerprint) in enumerate(frames[number]):
        stored = [frames[i][j][1] for i, j in picks if i < number and frames[i][j][0] == element]
        distance = min((np.sqrt(((x - fingerprint) ** 2).sum()) for x in stored), default=np.inf)
        if where is None or distance / thresholds[element] > largest:
            largest, where = distance / thresholds[element], atom
    return largest, where
