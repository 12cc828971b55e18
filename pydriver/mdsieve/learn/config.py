# SPDX-License-Identifier: GPL-2.0-or-later
"""``learn.toml``: what a learning campaign is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mdsieve.driver.config import ConfigError, read_toml

__all__ = ["LabelTable", "LearnConfig", "TrainingTable", "load_learn_config"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelTable(_Table):
    """``[labels]``: who labels; see `mdsieve.labels.choose.choose_labeller`.

    Attributes
    ----------
    largest_force : float
        Frames with a larger labelled force are set aside: an early ensemble leads MD where no potential needs
        to be good [eV/Å].
    """

    pair_style: str | None = None
    pair_coeff: list[str] = []
    pair_file: Path | None = None
    elements: list[str] | None = None
    calculator: str | None = None
    command: str | None = None
    lmp: str | None = None
    processes: int = Field(default=1, ge=1)
    batch: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    largest_force: float = Field(default=50.0, gt=0)


class TrainingTable(_Table):
    """``[training]``: the networks, and how they are trained at first and later.

    Attributes
    ----------
    members, hidden, activation
        Of a new ensemble.
    epochs, learning_rate
        Of the first training.
    later_epochs, later_learning_rate
        Of each warm start.
    batch_size, energy_weight, force_weight, stress_weight, validation_share
        See `mdsieve.potentials.training_settings.TrainingSettings`.
    """

    members: int = Field(default=5, ge=2)
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (32, 32)
    activation: str = "t"
    epochs: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=1e-2, gt=0)
    later_epochs: int = Field(default=30, ge=1)
    later_learning_rate: float = Field(default=3e-3, gt=0)
    batch_size: int = Field(default=16, ge=1)
    energy_weight: float = Field(default=1.0, ge=0)
    force_weight: float = Field(default=0.1, ge=0)
    stress_weight: float = Field(default=0.0, ge=0)
    validation_share: float = Field(default=0.2, ge=0, lt=1)


class LearnConfig(_Table):
    """Settings of a campaign. Paths are relative to the folder that the program runs in.

    Attributes
    ----------
    script : path
        LAMMPS input with a ``fix select``; it is given the variables ``potential``, ``generation``, ``seed``
        and ``folder``.
    start : list of path
        Labelled frames that are known from the beginning.
    functions : path, optional
        Symmetry functions; not needed with an `ensemble`.
    length_unit : {"angstrom", "bohr"}
        Of the functions.
    ensemble : path, optional
        One that is there already; default: the first is trained on `start`.
    folder : path
        Where everything is written.
    driver : path, optional
        A ``select.toml``; its ``store`` is not used.
    launcher : str
        Words before ``mdsieve run``: ``mpiexec -n 4``.
    variables : dict
        Further variables of the script.
    generations : int
        At most.
    retrain_after : int
        Kept frames after which the ensemble is trained while MD goes on; 0: only when MD has ended.
    least_kept : float
        The campaign ends after a generation that has kept a smaller share of the frames evaluated.
    jobs : int
        Threads of training.
    device : str
        Of training.
    seed : int
        Of networks, splits, and of the script's variable (plus the generation).
    """

    script: Path
    start: list[Path] = Field(min_length=1)
    labels: LabelTable
    functions: Path | None = None
    length_unit: Literal["angstrom", "bohr"] = "angstrom"
    ensemble: Path | None = None
    folder: Path = Path("learn")
    driver: Path | None = None
    launcher: str = ""
    variables: dict[str, str | int | float] = Field(default_factory=dict)
    generations: int = Field(default=10, ge=1)
    retrain_after: int = Field(default=50, ge=0)
    least_kept: float = Field(default=0.01, ge=0, lt=1)
    jobs: int = Field(default=1, ge=1)
    device: str = "cpu"
    seed: int = Field(default=0, ge=0)
    training: TrainingTable = Field(default_factory=TrainingTable)

    @model_validator(mode="after")
    def _has_functions(self) -> LearnConfig:
        if (self.functions is None) == (self.ensemble is None):
            raise ValueError("expected either functions, for a new ensemble, or ensemble")
        return self


def load_learn_config(path: Path) -> LearnConfig:
    """Read a configuration, and look whether the files that it names are there.

    Raises
    ------
    ConfigError
        On a missing or malformed file, an unknown key or a value of the wrong kind.
    FileNotFoundError
        If a file that it names is not there.
    """
    try:
        config = LearnConfig(**read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {where + ': ' if where else ''}{text}") from None
    named = [config.script, *config.start, config.functions, config.ensemble, config.driver]
    for file in filter(None, named):
        if not file.exists():
            raise FileNotFoundError(2, f"there is no such file; {path} names it", str(file))
    return config
