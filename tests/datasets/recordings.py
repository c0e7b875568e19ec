"""Recordings of other programs for the tests: small ones, as those programs write them."""

import json

import cv2
import numpy as np

SIZE = (24, 32)


def picture(number=0, size=SIZE):
    """A picture (H, W, 3) uint8 RGB that tells its number: a bright column on a slope of greys."""
    height, width = size
    frame = np.repeat(np.linspace(40, 120, height).astype(np.uint8)[:, None], width, axis=1)
    frame = np.repeat(frame[..., None], 3, axis=2)
    frame[:, number % width] = (250, 200, 30)
    return frame


def encoded(frame, suffix=".jpg"):
    return cv2.imencode(suffix, frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else [])[
        1
    ].tobytes()


def angle(number):
    return round(float(np.sin(number / 3)) * 0.9, 6)


def write_tub(folder, steps=30, *, manifest=True, records=None, deleted=(), sessions=True, per_catalog=1000):
    """A tub of version 2: five lines of JSON, catalogs, pictures. `records` changes some: number -> dict or text."""
    images = folder / "images"
    images.mkdir(parents=True)
    lines = []
    for number in range(steps):
        name = f"{number}_cam_image_array_.jpg"
        (images / name).write_bytes(encoded(picture(number)))
        record = {
            "_index": number,
            "_timestamp_ms": 1_600_000_000_000 + 50 * number,
            **({"_session_id": "20-10-11_1"} if sessions else {}),
            "cam/image_array": name,
            "user/angle": angle(number),
            "user/mode": "user",
            "user/throttle": 0.25,
        }
        change = (records or {}).get(number, {})
        if isinstance(change, dict):
            record |= change
            change = json.dumps({name: value for name, value in record.items() if value is not None})
        lines.append(change)
    names = []
    for start in range(0, steps, per_catalog):
        names.append(f"catalog_{start // per_catalog}.catalog")
        (folder / names[-1]).write_text("".join(f"{line}\n" for line in lines[start : start + per_catalog]))
    if manifest:
        inputs = ["cam/image_array", "user/angle", "user/throttle", "user/mode"]
        contents = {"paths": names, "current_index": steps, "max_len": per_catalog, "deleted_indexes": [*deleted]}
        rows = [inputs, ["image_array", "float", "float", "str"], {}, {"created_at": 1.6e9}, contents]
        (folder / "manifest.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def write_tub_v1(folder, numbers=range(1, 31), records=None, exclude=None):
    """A tub of version 1: a file a record, pictures alongside."""
    folder.mkdir(parents=True)
    for number in numbers:
        name = f"{number}_cam-image_array_.jpg"
        (folder / name).write_bytes(encoded(picture(number)))
        record = {
            "cam/image_array": name,
            "user/angle": angle(number),
            "user/throttle": 0.25,
            "user/mode": "user",
            "milliseconds": 50 * number,
        }
        change = (records or {}).get(number, {})
        if isinstance(change, dict):
            change = json.dumps({name: value for name, value in (record | change).items() if value != "absent"})
        (folder / f"record_{number}.json").write_text(change)
    if exclude is not None:
        (folder / "exclude.json").write_text(json.dumps(exclude))
    return folder


def log_name(camera, number):
    moment = 1000 + 100 * number
    return f"{camera}_2016_12_01_13_{30 + moment // 60_000:02}_{moment // 1000 % 60:02}_{moment % 1000:03}.jpg"


def write_log(folder, steps=30, *, header=True, prefix="IMG/", separator=",", rows=None, pictures=range(30)):
    """A driving log: `rows` changes some: number -> the line's text."""
    (folder / "IMG").mkdir(parents=True)
    lines = ["center,left,right,steering,throttle,brake,speed"] if header else []
    for number in range(steps):
        names = [log_name(camera, number) for camera in ("center", "left", "right")]
        for name in names:
            if number in pictures:
                (folder / "IMG" / name).write_bytes(encoded(picture(number)))
        fields = [*(prefix + name for name in names), str(angle(number)), "0.5", "0", "10"]
        lines.append((rows or {}).get(number, separator.join(fields)))
    (folder / "driving_log.csv").write_text("".join(f"{line}\n" for line in lines))
    return folder


def contents(folder):
    """Every file below a folder, with its bytes: what must stay as it is."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def steering_of(reading):
    return np.concatenate([drive.steering for drive in reading.drives])


def bomb(width=60_000, height=60_000):
    """A PNG of a few bytes that declares gigabytes."""
    data = bytearray(encoded(picture(), ".png"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)
