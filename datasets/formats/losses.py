"""Losses: what of a data set was not read, counted, named, and why."""

from collections.abc import Iterator

from drivesim.errors import DrivesimError

_MOST_NAMED = 5


class Losses:
    """Gathers what was skipped while a data set is read.

    Args:
        source: The data set, for messages.
        strict: Whether the first bad record stops the reading.
    """

    def __init__(self, source: str, strict: bool = False) -> None:
        self.source = source
        self._strict = strict
        self._bad: dict[str, list[str]] = {}
        self._left_out: dict[str, int] = {}
        self._notes: list[str] = []

    def __len__(self) -> int:
        """Return the number of bad records."""
        return sum(map(len, self._bad.values()))

    def bad(self, name: str, why: str) -> None:
        """Count a record that can't be used.

        Args:
            name: Of the record, such as `record 17`.
            why: In words that other records with the same fault share.

        Raises:
            DrivesimError: Where the reading is strict.
        """
        if self._strict:
            raise DrivesimError(
                f"{self.source}: {name}: {why}. Repair it (python -m datasets.check {self.source} --fix COPY), or "
                "leave out --strict: such records are then skipped."
            )
        self._bad.setdefault(why, []).append(name)

    def left_out(self, why: str, count: int = 1) -> None:
        """Count records that are whole, and not to be learned from."""
        self._left_out[why] = self._left_out.get(why, 0) + count

    def note(self, sentence: str) -> None:
        """Keep a remark about the whole data set."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    @property
    def counts(self) -> dict[str, int]:
        """How many records are bad, by reason."""
        return {why: len(names) for why, names in self._bad.items()}

    @property
    def left_out_counts(self) -> dict[str, int]:
        """How many records are left out, by reason."""
        return dict(self._left_out)

    def sentences(self) -> Iterator[str]:
        """Yield one sentence a reason, with the names of the first records, and one a remark."""
        for why, names in sorted(self._bad.items(), key=lambda item: -len(item[1])):
            named = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
            yield f"{self.source}: skipped {len(names)}: {why} ({named})"
        for why, count in self._left_out.items():
            yield f"{self.source}: left out {count}: {why}"
        for note in self._notes:
            yield f"{self.source}: {note}"

    def nothing_left(self, way_out: str) -> DrivesimError:
        """Return the error of a data set of which no record can be used."""
        reasons = [f"{why} ({len(names)})" for why, names in self._bad.items()]
        reasons += [f"{why} ({count})" for why, count in self._left_out.items()]
        return DrivesimError(
            f"{self.source}: no record can be used: {'; '.join(reasons) or 'there is none'}. {way_out}"
        )
