"""Damaged tubs and logs: no crash, no hang, and every record that is lost is said."""

import importlib.util
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.data_format import read_stored
from datasets.formats.lerobot_writer import write_lerobot
from datasets.formats.losses import Losses
from datasets.formats.minari import write_minari
from datasets.formats.picture_folder import write_picture_folder
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import contents, write_log, write_tub, write_tub_v1

# How many damaged recordings are tried; 500 with DRIVESIM_DAMAGED=500.
EXAMPLES = int(os.environ.get("DRIVESIM_DAMAGED", "60"))
STEPS = 12
NAMES = ["tub", "tub-v1", "log", "pictures", "minari", "lerobot"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole recording of every format: name -> folder."""
    folder = tmp_path_factory.mktemp("whole")
    made = {
        "tub": write_tub(folder / "tub", STEPS, per_catalog=5, deleted=[2]),
        "tub-v1": write_tub_v1(folder / "tub-v1", range(STEPS), exclude=[2]),
        "log": write_log(folder / "log", STEPS, rows={2: ""}),
        "pictures": folder / "pictures",
    }
    made["pictures"].mkdir()
    write_picture_folder(made["pictures"], read_stored(made["tub"]).drives, lambda _: None)
    # Whose tables and films are opened by libraries: these have to say what is wrong too.
    drives = drives_of_laps([circle_lap(STEPS)], Camera(width=64, height=40, fov=90.0, pitch=8.0))[0]
    for name, module, write in (("minari", "minari", write_minari), ("lerobot", "av", write_lerobot)):
        if importlib.util.find_spec(module):
            made[name] = folder / name
            made[name].mkdir()
            write(made[name], drives, lambda _: None)
    return made


BYTES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"", b"\x00" * 30, b"\n" * 5, b'"', b"{", b"[" * 3000, b",", b"NaN", b"1e999", b"-1", b"\xff\xd8"]
    ),
    st.sampled_from(
        [b"../../../etc/passwd", b"C:\\IMG\\a.jpg", b"null", b"\xe9", b"9" * 5000, b"\\ud800", b"\xef\xbb\xbf"]
    ),
)
DAMAGE = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.tuples(st.just("overwrite"), st.floats(0, 1), BYTES),
    st.tuples(st.just("insert"), st.floats(0, 1), BYTES),
    st.tuples(st.just("remove")),
    st.tuples(st.just("empty")),
    st.tuples(st.just("folder")),
    st.tuples(st.just("double")),
    st.tuples(st.just("swap"), st.integers(0, 1000)),
)


def spoil(path, damage, others):
    """Damage a file in one way."""
    kind, *how = damage
    data = path.read_bytes()
    if kind == "remove":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "swap":
        path.write_bytes(others[how[0] % len(others)])
    elif kind == "double":
        path.write_bytes(data + data)
    else:
        at = int(how[0] * len(data)) if how else 0
        middle = how[1] if len(how) > 1 else b""
        after = {"insert": at, "overwrite": at + len(middle)}.get(kind, len(data))
        path.write_bytes(data[:at] + middle + data[after:])


def lines_there(name, folder):
    """How many records are there to be read, or to be said to be lost; headers are none. Of tables it is not known."""
    if name in ("minari", "lerobot"):
        return 0
    if name == "tub-v1":
        return len([*folder.glob("record_*.json")])
    tables = {"tub": "catalog_*.catalog", "log": "driving_log.csv", "pictures": "episode-*/frames.csv"}[name]
    texts = [path.read_bytes() for path in folder.glob(tables) if path.is_file()]
    lines = [len([line for line in text.split(b"\n") if line.strip()]) for text in texts]
    return sum(count if name == "tub" else max(count - 1, 0) for count in lines)


def silent_losses(name, folder):
    """Read what is damaged: how many records are gone without a word."""
    there = lines_there(name, folder)
    try:
        reading = read_stored(folder)
    except DrivesimError as error:
        assert len(str(error)) > 20
        return 0
    for drive in reading.drives:
        assert len(drive.pictures) == len(drive) > 0
        assert (abs(drive.steering) <= 1).all()
        try:
            pictures = drive.pictures.read(range(len(drive)))
        except DrivesimError:
            assert name == "lerobot", "a picture was whole when it was looked at"
            continue
        assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in pictures)
        # A film may change its size on the way.
        assert name == "lerobot" or {picture.shape for picture in pictures} == {(*drive.size, 3)}
    if any("does not name are not read" in sentence for sentence in reading.losses.sentences()):
        return 0
    bad = {why: count for why, count in reading.losses.counts.items() if not why.startswith("beside")}
    said = sum(bad.values()) + sum(reading.losses.left_out_counts.values())
    return there - len(reading) - said


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(NAMES),
    damages=st.lists(st.tuples(st.floats(0, 0.999), st.booleans(), DAMAGE), min_size=1, max_size=4),
)
def test_whatever_is_damaged_the_rest_is_read_and_every_loss_is_said(whole, tmp_path, name, damages):
    if name not in whole:
        return
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole[name], folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    others = [path.read_bytes() for path in paths]
    # Half of the damage is done to text: pictures are many.
    texts = [path for path in paths if path.suffix not in (".jpg", ".png")]
    for share, is_text, damage in damages:
        chosen = texts if is_text else paths
        path = chosen[int(share * len(chosen))]
        if path.is_file():
            spoil(path, damage, others)
    before = contents(folder)
    assert silent_losses(name, folder) <= 0, "steps are gone without a word"
    assert contents(folder) == before


def test_a_lost_step_without_a_word_would_be_noticed(whole, tmp_path, monkeypatch):
    for name in NAMES[:4]:
        shutil.copytree(whole[name], tmp_path / name)
        spoiled = sorted(path for path in (tmp_path / name).rglob("*") if path.suffix in (".jpg", ".png"))
        spoiled[0].write_bytes(b"")
        assert silent_losses(name, tmp_path / name) == 0
    monkeypatch.setattr(Losses, "bad", lambda *_: None)
    for name in NAMES[:4]:
        assert silent_losses(name, tmp_path / name) == 1
