# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank to be: what the first fix says of it, and the frames that wait for its scaling."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mdsieve import _core
from mdsieve.driver.authority import Authority, as_ints, as_reals
from mdsieve.driver.identity import (
    BankMismatch,
    descriptor_of,
    identity_of,
    require_same_identity,
    scaling_of,
    scaling_words,
)
from mdsieve.driver.messages import Frame, Hello

if TYPE_CHECKING:
    from mdsieve.driver.service import Channel


@dataclass(frozen=True)
class Pilot:
    """What the first fix says of the bank to be: everything but, perhaps, the scaling.

    Attributes
    ----------
    info : dict
        What the fix said of itself.
    descriptor : mdsieve._core.Descriptor
    scaling : mdsieve._core.Scaling or None
        None if it is still to be fitted.
    frames : int
        How many frames to fit it on; 0 if it is known.
    """

    info: dict
    descriptor: _core.Descriptor
    scaling: _core.Scaling | None
    frames: int

    @classmethod
    def from_hello(cls, hello: Hello) -> Pilot:
        """Read the fix's descriptor and scaling.

        Raises
        ------
        BankMismatch
            If what it sent does not fit together.
        """
        descriptor = descriptor_of(hello)
        scaling, frames = scaling_of(hello, descriptor)
        return cls(hello.info, descriptor, scaling, frames)

    @property
    def description(self) -> dict:
        """What the store says of the bank in words."""
        scaling = self.info["scaling"]
        return {
            "descriptor_hash": self.info["descriptor_hash"],
            "descriptor_name": self.info["descriptor_name"],
            "descriptor_text": self.info["descriptor_text"],
            "elements": self.info["elements"],
            "thresholds": self.info["thresholds"],
            "scaling": {key: scaling.get(key) for key in ("source", "kind", "name", "pilot")},
        }

    def require_same(self, hello: Hello) -> None:
        """Refuse a fix that may not share this pilot.

        Raises
        ------
        BankMismatch
        """
        own = Hello(self.info)
        require_same_identity(
            hello,
            identity_of(own) | {"scaling": scaling_words(own)},
            f"fix {self.info['fix']}",
            ", and both share one bank",
        )

    def bank(self, hello: Hello) -> Authority:
        """The bank to begin with: that of the fix's bank file, or an empty one."""
        if self.scaling is None:
            raise ValueError("the scaling is still to be fitted")
        bank = self._empty(self.scaling)
        if hello.bank:
            given = _core.EnvironmentBank.deserialise(bytes(hello.bank), "the bank file")
            try:
                given.require_compatible(bank, f"fix {self.info['fix']}")
            except ValueError as error:
                raise BankMismatch(str(error)) from None
            elements, origins, fingerprints = given.entries_since(0)
            bank.add(elements, origins, fingerprints)
        return Authority(bank)

    def fit(self, frames: Sequence[Frame]) -> Authority:
        """An empty bank whose scaling is fitted on all candidates of some frames.

        Raises
        ------
        BankMismatch
            If an element was never seen.
        """
        n_features = self._n_features
        statistics = _core.ColumnStatistics(n_features)
        for frame in frames:
            frame.fingerprint_ends(n_features)  # they must add up
            statistics.add(as_ints(frame.candidate_elements), as_reals(frame.fingerprints))
        try:
            scaling = statistics.scaling(self.info["scaling"]["kind"], self.info["elements"])
        except ValueError as error:
            raise BankMismatch(f"fix {self.info['fix']}: scaling pilot {self.frames}: {error}") from None
        return Authority(self._empty(scaling))

    @property
    def _n_features(self) -> list[int]:
        return [len(self.descriptor.columns(i)) for i in range(len(self.info["elements"]))]

    def _empty(self, scaling: _core.Scaling) -> _core.EnvironmentBank:
        cutoffs = []
        functions = self.descriptor.functions
        for i in range(len(self.info["elements"])):
            cutoffs.append(max((functions[k].r_cutoff for k in self.descriptor.columns(i)), default=0.0))
        return _core.EnvironmentBank(
            descriptor_text=self.info["descriptor_text"],
            descriptor_hash=self.info["descriptor_hash"],
            elements=self.info["elements"],
            n_features=self._n_features,
            cutoffs=cutoffs,
            thresholds=self.info["thresholds"],
            scaling=scaling,
        )


@dataclass(frozen=True)
class HeldFrame:
    """A frame that waits for the pilot's scaling."""

    channel: Channel
    frame: Frame


class HeldFrames:
    """The frames of a pilot, in the order in which they came.

    Parameters
    ----------
    pilot : Pilot
    most_memory : float
        MiB that they may take.
    """

    def __init__(self, pilot: Pilot, most_memory: float) -> None:
        self.pilot = pilot
        self._most_memory = most_memory
        self._frames: deque[HeldFrame] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_complete(self) -> bool:
        """Whether there are as many as the pilot asked for."""
        return len(self._frames) >= self.pilot.frames

    def add(self, channel: Channel, frame: Frame) -> None:
        """Hold one more.

        Raises
        ------
        MemoryError
            If they take more than they may; one line for the user.
        """
        self._frames.append(HeldFrame(channel, frame.copy()))
        self._bytes += frame.nbytes
        if self._bytes > self._most_memory * 2**20:
            raise MemoryError(
                f"scaling pilot {self.pilot.frames}: {len(self)} frames already take more than "
                f"{self._most_memory:.0f} MiB: take fewer, or raise pilot_memory in the driver's "
                "configuration"
            )

    def fit(self) -> Authority:
        """An empty bank with the scaling of these frames."""
        return self.pilot.fit([held.frame for held in self._frames])

    def pop(self) -> HeldFrame:
        """The one that has waited longest; it is held no more."""
        return self._frames.popleft()
