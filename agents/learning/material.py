"""Material: what a training learns from: laps, other programs' recordings, or both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.data_format import read_sources
from datasets.formats.drive import Reading
from datasets.held_out import Split, split
from datasets.schema import Lap
from datasets.stored_frames import usable_steps
from drivesim.errors import DrivesimError
from drivesim.scenario import TRAFFIC_ID
from drivesim.vehicle import VEHICLES

# Control rates that differ by more than this are remarked on: an action lasts longer in the one than in the other.
_ALIKE = 1.25


@dataclass(frozen=True, eq=False)
class Material:
    """Laps and recordings, at least one of them.

    Attributes:
        laps: All are learned from.
        readings: Of other programs' recordings.
        split: Which of their drives are learned from, and which judge; None where there are none.
    """

    laps: list[Lap]
    readings: list[Reading]
    split: Split | None

    @classmethod
    def of_laps(cls, laps: Sequence[Lap]) -> "Material":
        """Return laps alone as material."""
        return cls([*laps], [], None)

    @classmethod
    def read(cls, paths: Sequence[Path], strict: bool, held_out: float, seed: int) -> tuple["Material", list[str]]:
        """Read folders; see `read_sources`.

        Args:
            paths: Of folders and laps.
            strict: Whether what can't be read is an error.
            held_out: Share of the recordings' steps to hold out.
            seed: Of which.

        Returns:
            The material, and a sentence for everything that is lost.
        """
        laps, readings, lost = read_sources(paths, strict)
        drives = [drive for reading in readings for drive in reading.drives]
        return cls(laps, readings, split(drives, held_out, seed) if drives else None), lost

    @property
    def vehicle(self) -> dict[str, Any]:
        """Parameters of the car: the laps', or the usual one, where nobody says what drove."""
        return self.laps[0].info.vehicle if self.laps else dict(vars(VEHICLES["car"]))

    @property
    def control_hz(self) -> float:
        """Steps a second: the laps', or the first recording's."""
        return self.laps[0].info.control_hz if self.laps else self.readings[0].control_hz

    @property
    def has_traffic(self) -> bool:
        """Whether every lap was driven among others, with a pedal."""
        return bool(self.laps) and all(lap.info.environment == TRAFFIC_ID for lap in self.laps)

    @property
    def judges(self) -> str:
        """What chooses the policy, in words."""
        return "the validation tracks" if self.split is None else "what was held out"

    def in_words(self) -> str:
        """Say what it is."""
        parts = [f"{len(self.laps)} laps"] if self.laps else []
        return ", ".join([*parts, *(f"a {reading.format} of {len(reading)} steps" for reading in self.readings)])

    def remarks(self) -> list[str]:
        """Return a sentence for everything that someone who learns from it should know."""
        said = []
        if self.split is not None and not self.split.whole_drives:
            said.append(
                "There are fewer than five drives of about one length: stretches of them are held out, each with a "
                "second around it that is not learned from. Another drive would judge more sternly."
            )
        rates = {f"{reading.losses.source}: {reading.control_hz:g} Hz": reading.control_hz for reading in self.readings}
        if self.laps:
            rates[f"laps: {self.control_hz:g} Hz"] = self.control_hz
        if rates and max(rates.values()) > _ALIKE * min(rates.values()):
            said.append(
                f"Recorded at different rates ({', '.join(rates)}): an action lasts longer in one than another."
            )
        return said

    def provenance(self) -> dict[str, Any]:
        """Return what a policy says of it: plain JSON without paths."""
        if not self.readings:
            return {
                "laps": len(self.laps),
                "steps": sum(map(len, self.laps)),
                "drivers": sorted({lap.info.driver for lap in self.laps}),
            }
        formats = [
            {"format": reading.format, "drives": len(reading.drives), "steps": len(reading), "bad": len(reading.losses)}
            for reading in self.readings
        ]
        return {
            "laps": len(self.laps),
            "steps": sum(map(len, self.laps)) + sum(map(len, self.readings)),
            "drivers": sorted({lap.info.driver for lap in self.laps}),
            "recordings": formats,
        }

    def check(self, has_pedal: bool, takes_speed: bool, cameras: int = 1, past: int = 0) -> None:
        """Refuse to learn what a recording doesn't hold.

        Raises:
            DrivesimError: Naming the recording and what it lacks.
        """
        if self.readings and (cameras > 1 or past):
            raise DrivesimError(
                f"{'--past' if past else '--camera'}: other programs' recordings are learned from one frame of one "
                "camera at a time. Leave it out, or train on laps alone."
            )
        for reading in self.readings:
            for wanted, option, what in ((has_pedal, "--pedal", "a pedal"), (takes_speed, "--speed", "a speed")):
                usable = sum(
                    np.count_nonzero(usable_steps(drive, option == "--pedal", option == "--speed"))
                    for drive in reading.drives
                )
                if wanted and not usable:
                    raise DrivesimError(
                        f"{option}: no step of {reading.losses.source} ({reading.format}) says {what}. "
                        f"Leave out {option}, or that folder."
                    )
