"""Tub records: what the records of both versions of Donkeycar's tubs have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.formats.losses import Losses
from datasets.formats.picture_files import place_of
from datasets.formats.rows import Row
from datasets.formats.text_lines import number_of, optional_number

PICTURE = "cam/image_array"
_FIELDS = (PICTURE, "user/angle", "user/throttle")
_FASTEST = 200.0  # m/s


def row_of(name: str, record: Mapping[str, Any], images: Path, time: float, segment: str, losses: Losses) -> Row | None:
    """Return the row of a record; None for one that is left out.

    Args:
        name: Of the record, for messages.
        record: Its fields.
        images: Folder of its picture.
        time: Seconds.
        segment: See `Row`.
        losses: Told what is left out.

    Raises:
        ValueError: Saying in few words why the record is bad.
    """
    if "__empty__" in record or not any(field in record for field in _FIELDS):
        losses.left_out("empty records that fill gaps")
        return None
    mode = record.get("user/mode")
    if mode not in (None, "user"):
        losses.left_out(f"driven by the pilot (user/mode {str(mode)[:20]!r})")
        return None
    return Row(
        name,
        place_of(images, record.get(PICTURE)),
        number_of(record, "user/angle", -1, 1),
        optional_number(record, "user/throttle", -1, 1),
        optional_number(record, "enc/speed", -_FASTEST, _FASTEST),
        time,
        segment,
        source=record,
    )
