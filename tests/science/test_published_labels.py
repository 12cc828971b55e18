# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels by a published potential are the published labels, to their digits."""

import numpy as np

from mdsieve.io.trajectories import iterate_frames
from mdsieve.labels import PairStyleLabeller
from mdsieve.pair_style import PairStyle


def test_nickel_of_the_distillation_paper_is_labelled_as_published(data_dir):
    """Every fourth frame of the 640."""
    style = f"pair_style eam/fs; pair_coeff * * {data_dir / 'potentials' / 'Ni-Nb_1.eam.fs'} Ni Nb"
    file = data_dir / "ni_eam_distillation" / "Ni_ch1_validation.extxyz.gz"
    published = [frame.atoms for frame in iterate_frames([file])]
    assert len(published) == 640
    published = published[::4]
    labelled = PairStyleLabeller(PairStyle.from_text(style)).label_all(published)
    for frame, atoms in zip(published, labelled, strict=True):
        np.testing.assert_allclose(atoms.get_potential_energy(), frame.get_potential_energy(), atol=1e-5)
        np.testing.assert_allclose(atoms.get_forces(), frame.get_forces(), atol=3e-5)
