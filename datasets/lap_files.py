"""Lap files: reading laps, and writing whole ones.

A whole lap is `lap-000001.parquet`. The `.arrows` of a recording that is going on, or that died, is read up to its last
whole batch. Nothing is unpickled.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.arrow_message import is_compressed
from datasets.schema import DTYPES, LAP_SCHEMA, MAX_STEPS, OTHERS, Lap, LapInfo, places_of
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

LAP_SUFFIXES = (".parquet", ".arrows")  # of a whole lap, and of one that is recorded, or was cut off
MAX_BYTES = 400 * MAX_STEPS  # the batches of a partial lap take some 200 bytes a step

_PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 9,
    "use_dictionary": ["mark"],
    "use_byte_stream_split": [name for name in DTYPES if name != "mark"],  # 150 kB where plain pages take 210
    "store_schema": False,  # it would hold the metadata, and with them the track, a second time
    "write_page_checksum": True,
}
# Bytes of a step in memory; and of dictionaries and headers of pages, as an allowance.
_MOST_PLACES = 4 * MAX_STEPS
_ROW, _PAGES = sum(dtype.itemsize for dtype in DTYPES.values()), 2**20

RECORD_SOME = "Record some: python -m agents.record --laps 40 --out"
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError, pa.ArrowException)


def write_lap(path: Path | str, lap: Lap) -> None:
    """Write a lap as Parquet: `path` holds the whole of it, or what it held before.

    Raises:
        DrivesimError: If it cannot be written.
    """
    path = Path(path)
    table = lap.to_table()
    try:
        with (
            whole_file(path, durable=True) as part,
            pq.ParquetWriter(part, table.schema, **_PARQUET) as writer,
        ):
            writer.write_table(table, row_group_size=MAX_STEPS)
            writer.add_key_value_metadata(table.schema.metadata)
    except OSError as error:
        raise DrivesimError(
            f"{path}: cannot write ({error.strerror or error}). Make room, or choose another --out."
        ) from error


def read_lap(path: Path | str) -> Lap:
    """Read one lap: a whole `.parquet`, or an `.arrows` up to where it was cut off.

    Raises:
        DrivesimError: If it holds no lap that can be read; the message names every fault.
    """
    path = Path(path)
    try:
        if path.suffix not in LAP_SUFFIXES:
            raise ValueError(f"expected .parquet or .arrows, came {path.name}")
        if path.suffix == ".arrows":
            return Lap.from_table(*_read_stream(path))
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.metadata.num_rows > MAX_STEPS:
                raise ValueError(f"it declares {file.metadata.num_rows} steps, expected at most {MAX_STEPS}")
            if (size := _declared_bytes(file.metadata)) > _PAGES + 2 * _ROW * file.metadata.num_rows:
                raise ValueError(f"its {file.metadata.num_rows} steps declare {size} bytes, which is too many")
            names = list(DTYPES)
            if OTHERS in file.schema_arrow.names and (
                places := places_of(LapInfo.from_metadata(file.metadata.metadata))
            ):
                _check_others_size(file.metadata, places)
                names.append(OTHERS)
            return Lap.from_table(file.read(names, use_threads=False), path.stem)
    except _UNREADABLE as error:
        raise DrivesimError(
            f"{path}: no lap can be read: {' '.join(str(error).split())}. Expected a file that a LapWriter made: "
            "copy it again from where it is whole, or remove it."
        ) from error


def read_laps(paths: Path | str | Iterable[Path | str], strict: bool = False) -> tuple[list[Lap], list[str]]:
    """Read every lap of a folder, or of several folders and files.

    Args:
        paths: A folder, or folders and files.
        strict: Whether a lap that is partial or cannot be read is an error.

    Returns:
        The laps by name, and one sentence for each file that is partial or could not be read.

    Raises:
        DrivesimError: If there is no lap, or under `strict`.
    """
    laps, lost = [], []
    for file in _lap_files([paths] if isinstance(paths, str | Path) else paths):
        try:
            lap = read_lap(file if file.exists() else file.with_suffix(".parquet"))  # closed since it was listed
        except DrivesimError as error:
            lost.append(str(error))
            continue
        laps.append(lap)
        if file.suffix == ".arrows" and not lap.complete:
            lost.append(f"{file}: cut off, or still being recorded: {lap.duration:.1f} s ({len(lap)} steps) are read.")
    if not laps or (strict and lost):
        raise DrivesimError("\n".join(lost) or f"No laps given. {RECORD_SOME} DIR")
    return sorted(laps, key=lambda lap: lap.name), lost


def stamp(batch: pa.RecordBatch, marks: Sequence[tuple[int, int, int]]) -> dict[bytes, bytes]:
    """Return what a partial lap holds beside each batch.

    Args:
        batch: Of steps.
        marks: First step, the step after the last, and bits of `mark` to set from the one to the other.
    """
    noted = json.dumps(marks).encode()
    return {b"marks": noted, b"crc32": b"%d" % _checksum(batch, noted)}


def _lap_files(paths: Iterable[Path | str]) -> list[Path]:
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        found = [path] if path.is_file() else sorted(path.glob("*.parquet"))
        found += [file for file in sorted(path.glob("*.arrows")) if file.with_suffix(".parquet") not in found]
        if not found:
            state = "holds no lap" if path.exists() else "is not there"
            raise DrivesimError(f"{path} {state}. {RECORD_SOME} {path}")
        files |= {file.resolve(): file for file in found}
    return list(files.values())


def _read_stream(path: Path) -> tuple[pa.Table, str, bool]:
    """Read the whole batches of a partial lap: table, name, and whether its writer ended it."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"it has {path.stat().st_size} bytes, expected at most {MAX_BYTES}")
    source = pa.BufferReader(path.read_bytes())
    reader = pa.ipc.open_stream(source)
    batches, marks, complete = [], [], False
    try:
        while True:
            end = source.tell()
            _check_message(source)
            batch, notes = reader.read_next_batch_with_custom_metadata()
            batch.validate(full=True)
            if int(notes[b"crc32"]) != _checksum(batch, notes[b"marks"]):
                break
            batches.append(batch)
            marks += json.loads(notes[b"marks"])
    except StopIteration:
        complete = source.tell() - end == 8  # the end-of-stream marker, which only `close` writes
    except _UNREADABLE:
        pass  # cut off in this batch
    if not batches:
        raise ValueError(f"none of its {path.stat().st_size} bytes make a whole second of driving")
    table = pa.Table.from_batches(batches)
    if marks:
        mark = table.column("mark").to_numpy().copy()
        for start, stop, flags in marks:
            mark[start:stop] |= flags
        table = table.set_column(table.column_names.index("mark"), LAP_SCHEMA.field("mark"), [mark])
    return table, path.stem, complete


def _check_message(source: pa.BufferReader) -> None:
    """Refuse a batch that would take more memory than its file; at the end of the stream nothing is said."""
    here = source.tell()
    try:
        message = pa.ipc.read_message(source)
    except EOFError:
        return
    finally:
        source.seek(here)
    if is_compressed(message):
        raise ValueError("its batches are compressed, and those of a LapWriter are not")


def _declared_bytes(metadata: pq.FileMetaData, names: Iterable[str] = DTYPES) -> int:
    """Return how many bytes the columns of a lap have before they are compressed, as the file says."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(at) for group in groups for at in range(group.num_columns)]
    return sum(column.total_uncompressed_size for column in columns if column.path_in_schema in names)


def _check_others_size(metadata: pq.FileMetaData, places: int) -> None:
    """Refuse a file whose traffic would take more memory than its steps ask for."""
    size = _declared_bytes(metadata, [f"{OTHERS}.list.element"])
    # A number is four bytes, with a few bits that say where its list begins.
    if metadata.num_rows * places > _MOST_PLACES or size > _PAGES + 10 * metadata.num_rows * places:
        raise ValueError(f"its {metadata.num_rows} steps declare {size} bytes of traffic, which is too many")


def _checksum(batch: pa.RecordBatch, marks: bytes) -> int:
    """CRC-32 of a batch: after a power cut a file may have its length, and zeros for its end."""
    value = zlib.crc32(marks)
    for column in batch.columns:
        flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        value = zlib.crc32(flat.to_numpy().tobytes(), value)
    return value
