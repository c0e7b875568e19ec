"""LeRobot writer: drives as a data set of version 3 that lerobot opens, with pyarrow and PyAV."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.formats.drive import StoredDrive, control_hz_of
from datasets.formats.film import FilmWriter
from datasets.formats.lerobot import read_lerobot
from datasets.formats.lerobot_files import (
    COUNTERS,
    DATA,
    DATA_PATH,
    EPISODES,
    INFO,
    STATS,
    TASKS,
    VERSION,
    VIDEO_PATH,
    file_of,
    picture_statistics,
    statistics_of,
    tasks_table,
    write_json,
    write_table,
)
from datasets.formats.losses import Losses
from datasets.formats.steps import steps_of

CAMERA, TASK = "observation.images.front", "drive"

# A film takes so many pictures, and the drive that is begun then; statistics look at every so many.
_FILM_PICTURES, _SEEN = 20_000, 20


def repair_lerobot(folder: Path, out: Path, losses: Losses) -> None:
    """Write what is whole of a data set as a new one; its film is encoded again. See `repair_tub`."""
    write_lerobot(out, read_lerobot(folder).drives, lambda _: None)
    losses.note("the film of the copy is encoded anew")


def write_lerobot(folder: Path, drives: Iterable[StoredDrive], on_step: Callable[[int], None]) -> None:
    """Write drives as a data set that `lerobot` opens.

    Its times are even: a film has so many pictures a second.

    Args:
        folder: Empty.
        drives: Each becomes an episode.
        on_step: Told the number of steps that are written.
    """
    drives = list(drives)
    size, fps = drives[0].size, max(round(control_hz_of(drives)), 1)
    has_pedal = all(np.isfinite(drive.pedal).all() for drive in drives)
    has_speed = all(np.isfinite(drive.speed).all() for drive in drives)
    tables, episodes, sampled = [], [], []
    film: FilmWriter | None = None
    count, films = 0, 0
    for number, drive in enumerate(drives):
        if film is None or film.count >= _FILM_PICTURES:
            if film is not None:
                film.close()
            path = file_of(folder, VIDEO_PATH, video_key=CAMERA, chunk_index=0, file_index=films)
            film, films = FilmWriter(path, fps, size), films + 1
        begun, seen = film.count, []
        for at, step in enumerate(steps_of(drive)):
            film.add(step.frame)
            if at % _SEEN == 0:
                seen.append(step.frame)
            on_step(count + at + 1)
        columns = _columns(drive, number, count, fps, has_pedal, has_speed)
        tables.append(pa.table({name: _array(values) for name, values in columns.items()}))
        statistics = {name: statistics_of(values) for name, values in columns.items()}
        statistics[CAMERA] = picture_statistics(np.array(seen), len(drive))
        episodes.append(
            {
                "episode_index": number,
                "tasks": [TASK],
                "length": len(drive),
                "data/chunk_index": 0,
                "data/file_index": 0,
                "dataset_from_index": count,
                "dataset_to_index": count + len(drive),
                f"videos/{CAMERA}/chunk_index": 0,
                f"videos/{CAMERA}/file_index": films - 1,
                f"videos/{CAMERA}/from_timestamp": begun / fps,
                f"videos/{CAMERA}/to_timestamp": film.count / fps,
                **{f"stats/{name}/{key}": value for name, of in statistics.items() for key, value in of.items()},
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        sampled += seen
        count += len(drive)
    assert film is not None
    film.close()
    table = pa.concat_tables(tables)
    write_table(folder / DATA, table)
    write_table(folder / EPISODES, pa.Table.from_pylist(episodes))
    write_table(folder / TASKS, tasks_table(TASK))
    whole = {name: statistics_of(np.array(table[name].to_pylist())) for name in table.column_names}
    write_json(folder / STATS, {**whole, CAMERA: picture_statistics(np.array(sampled), count)})
    write_json(folder / INFO, _info(size, fps, len(drives), count, has_pedal, has_speed))


def _columns(
    drive: StoredDrive, number: int, first: int, fps: int, has_pedal: bool, has_speed: bool
) -> dict[str, np.ndarray]:
    """The rows of a drive, by column."""
    frames = np.arange(len(drive))
    actions = np.column_stack([drive.steering, drive.pedal] if has_pedal else [drive.steering]).astype(np.float32)
    speed = {"observation.state": drive.speed.astype(np.float32)} if has_speed else {}
    return {
        **speed,
        "action": actions if has_pedal else actions[:, 0],
        "timestamp": (frames / fps).astype(np.float32),
        "frame_index": frames,
        "episode_index": np.full(len(drive), number),
        "index": first + frames,
        "task_index": np.zeros(len(drive), np.int64),
    }


def _array(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _info(
    size: tuple[int, int], fps: int, episodes: int, frames: int, has_pedal: bool, has_speed: bool
) -> dict[str, Any]:
    height, width = size
    names = ["steering", "pedal"] if has_pedal else ["steering"]
    features: dict[str, Any] = {
        CAMERA: {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "video.fps": fps,
                "video.channels": 3,
                "has_audio": False,
            },
        },
        "action": {"dtype": "float32", "shape": [len(names)], "names": names},
    }
    if has_speed:
        features["observation.state"] = {"dtype": "float32", "shape": [1], "names": ["speed"]}
    features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in COUNTERS.items()}
    return {
        "codebase_version": VERSION,
        "robot_type": None,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": 1,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": features,
    }
