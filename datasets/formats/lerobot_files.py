"""LeRobot files: the names, tables and statistics of a LeRobotDataset of version 3."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.formats.text_lines import in_short
from datasets.schema import MAX_STEPS

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES, DATA = "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
COUNTERS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
_FIELD = re.compile(r"\{(\w+)(?::0?(\d)d)?\}")
_QUANTILES = {"q01": 1, "q10": 10, "q50": 50, "q90": 90, "q99": 99}


def file_of(folder: Path, template: object, **values: Any) -> Path:
    """Return the file that a path template of `info.json` names.

    Raises:
        ValueError: If it makes no sense, or leads out of the folder.
    """
    if not isinstance(template, str):
        raise ValueError("info.json has no path template")

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            raise ValueError(f"a path template of info.json has an unknown field {match[1][:30]!r}")
        return f"{value:0{match[2]}d}" if match[2] else str(value)

    name = _FIELD.sub(fill, template)
    path = folder / name
    try:
        stays = "\0" not in name and path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a name that is too long, a link to itself
        raise ValueError("a path of the data set leads nowhere") from error
    if not stays:
        raise ValueError("a path of the data set leads out of its folder")
    return path


def read_columns(path: Path, wanted: Mapping[str, bool]) -> pa.Table:
    """Read columns of a Parquet file; `wanted` says of each name whether it must be there.

    Raises:
        ValueError: If the file is missing, damaged, too long, or lacks a column.
    """
    if not path.is_file():
        raise ValueError("the file is missing")
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_STEPS:
                raise ValueError(f"it declares {file.metadata.num_rows} rows, expected at most {MAX_STEPS}")
            there = set(file.schema_arrow.names)
            lacks = [name for name, is_needed in wanted.items() if is_needed and name not in there]
            if lacks:
                raise ValueError(f"it lacks the columns {', '.join(lacks)}")
            return file.read([name for name in wanted if name in there], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"the table can't be read ({in_short(error)})") from error


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="snappy")


def write_json(path: Path, value: object) -> None:
    """Write a file of JSON, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=4), encoding="utf-8")


def tasks_table(task: str) -> pa.Table:
    """Return the table of one task; its text is what pandas calls the index."""
    index = "__index_level_0__"
    described = {
        "index_columns": [index],
        "column_indexes": [
            {
                "name": None,
                "field_name": None,
                "pandas_type": "unicode",
                "numpy_type": "object",
                "metadata": {"encoding": "UTF-8"},
            }
        ],
        "columns": [
            {
                "name": "task_index",
                "field_name": "task_index",
                "pandas_type": "int64",
                "numpy_type": "int64",
                "metadata": None,
            },
            {"name": None, "field_name": index, "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    table = pa.table({"task_index": pa.array([0], pa.int64()), index: pa.array([task])})
    return table.replace_schema_metadata({"pandas": json.dumps(described)})


def statistics_of(values: np.ndarray) -> dict[str, Any]:
    """Return what LeRobot keeps of a feature's values (T,) or (T, D): each a list of D."""
    values = values.reshape(len(values), -1).astype(np.float64)
    found = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    found |= {name: np.percentile(values, percent, axis=0) for name, percent in _QUANTILES.items()}
    return {**{name: value.tolist() for name, value in found.items()}, "count": [len(values)]}


def picture_statistics(pictures: np.ndarray, count: int) -> dict[str, Any]:
    """Return what LeRobot keeps of pictures (N, H, W, 3) uint8 that stand for `count`: each (3, 1, 1), of 0 to 1."""
    found = statistics_of(pictures.reshape(-1, 3) / 255.0)
    found = {name: [[[value]] for value in values] for name, values in found.items() if name != "count"}
    return {**found, "count": [count]}
