"""Minari data sets: what minari opens of ours, what we open of others', and what is refused."""

import io
import json
import os

import numpy as np
import pytest
from gymnasium import spaces
from PIL import Image

from datasets.formats.losses import Losses
from datasets.formats.minari import DATASET_ID, is_minari, read_minari, repair_minari, write_minari
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import bomb, contents, encoded, picture

h5py = pytest.importorskip("h5py")
minari = pytest.importorskip("minari")


def written(folder, steps=40, width=64):
    rng = np.random.default_rng(0)
    steering, pedal = rng.uniform(-1, 1, (2, steps)).astype(np.float32)
    lap = circle_lap(steps, steering=steering, steering_label=steering, pedal=pedal, pedal_label=pedal)
    drives, _ = drives_of_laps([lap, circle_lap(30)], Camera(width=width, height=40, fov=90.0, pitch=8.0))
    folder.mkdir(parents=True)
    told = []
    write_minari(folder, drives, told.append)
    assert told == list(range(1, steps + 31))
    return drives, steering, pedal


def test_minari_opens_what_is_written_by_its_id(tmp_path, monkeypatch):
    drives, steering, pedal = written(tmp_path / DATASET_ID)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    data = minari.load_dataset(DATASET_ID)
    assert (data.total_episodes, data.total_steps) == (2, 70)
    first = data[0]
    assert first.actions.tobytes() == np.column_stack([steering, pedal]).tobytes()
    assert first.observations["camera"].shape == (41, 40, 64, 3)
    assert first.observations["camera"][7].tobytes() == through_codec(drives[0].pictures.read([7])[0]).tobytes()
    np.testing.assert_allclose(first.observations["speed"], 10.0)
    assert (first.terminations.any(), first.truncations.tolist().index(True)) == (False, 39)


def test_what_is_written_is_read_back_with_the_very_same_actions(tmp_path):
    drives, steering, pedal = written(tmp_path / "out")
    assert is_minari(tmp_path / "out")
    reading = read_minari(tmp_path / "out", strict=True)
    assert [len(drive) for drive in reading.drives] == [40, 30]
    first = reading.drives[0]
    assert first.steering.astype(np.float32).tobytes() == steering.tobytes()
    assert first.pedal.astype(np.float32).tobytes() == pedal.tobytes()
    assert first.time.tobytes() == drives[0].time.tobytes()
    np.testing.assert_allclose(first.speed, 10.0)
    # Decoders differ by a little.
    expected = through_codec(drives[0].pictures.read([7])[0])
    assert np.abs(first.pictures.read([7])[0].astype(int) - expected).max() <= 3


def through_codec(frame):
    """What minari's own JPEG leaves of a frame."""
    data = minari.dataset._storages.hdf5_storage.encode_frame(frame).tobytes()
    return np.array(Image.open(io.BytesIO(data)))


def collect(folder, observation_space, observations, actions, jpeg=True):
    """A data set as minari itself writes it: one episode."""
    folder.mkdir(parents=True)
    width = np.shape(actions)[1]
    storage = minari.dataset.minari_storage.MinariStorage.new(
        folder / "data", observation_space, spaces.Box(-1, 1, (width,), np.float32), jpeg_encoding=jpeg
    )
    buffer = minari.data_collector.EpisodeBuffer(
        observations=observations,
        actions=np.array(actions, np.float32),
        rewards=np.zeros(len(actions)),
        terminations=np.zeros(len(actions), bool),
        truncations=np.zeros(len(actions), bool),
        infos={},
    )
    storage.update_episodes([buffer])
    return folder


@pytest.mark.parametrize("jpeg", [True, False])
def test_a_data_set_of_frames_alone_with_three_actions_is_read(tmp_path, jpeg):
    frames = np.array([picture(number, (40, 48)) for number in range(13)])
    actions = [[0.05 * number, 0.5, 0.25] for number in range(12)]
    folder = collect(tmp_path / "racing-v0", spaces.Box(0, 255, (40, 48, 3), np.uint8), frames, actions, jpeg)
    (drive,) = read_minari(folder, strict=True).drives
    np.testing.assert_allclose(drive.steering, np.array(actions)[:, 0], atol=1e-7)
    assert set(drive.pedal) == {0.25}
    assert np.isnan(drive.speed).all() and np.isnan(drive.time).all()
    assert drive.pictures.read([5])[0][:, :, 0].mean(axis=0).argmax() == 5
    assert drive.size == (40, 48)


def damage(folder):
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        file["episode_0/actions"][3, 0] = 7.0
        file["episode_0/actions"][4, 1] = np.nan
        pictures = list(file["episode_0/observations/camera"][()])
        pictures[5] = np.frombuffer(bomb(), np.uint8)
        pictures[6] = np.frombuffer(encoded(picture(0)), np.uint8)
        pictures[7] = np.zeros(0, np.uint8)
        del file["episode_0/observations/camera"]
        kind = h5py.vlen_dtype(np.uint8)
        stored = file["episode_0/observations"].create_dataset("camera", (len(pictures),), dtype=kind)
        for number, data in enumerate(pictures):
            stored[number] = data


def test_bad_steps_are_counted_named_and_skipped_and_repaired_in_a_copy(tmp_path):
    _, steering, _ = written(tmp_path / "out")
    damage(tmp_path / "out")
    before = contents(tmp_path / "out")
    reading = read_minari(tmp_path / "out")
    assert reading.losses.counts == {
        "its action is not in -1 ... 1": 2,
        "the picture declares more than 4096 pixels a side, or none": 1,
        "the picture has another size than the usual 40 x 64": 1,
        "the picture is empty (0 bytes)": 1,
    }
    kept = [number for number in range(40) if number not in (3, 4, 5, 6, 7)]
    assert reading.drives[0].steering.astype(np.float32).tobytes() == steering[kept].tobytes()
    (tmp_path / "copy").mkdir()
    repair_minari(tmp_path / "out", tmp_path / "copy", Losses("out"))
    assert contents(tmp_path / "out") == before
    assert [len(drive) for drive in read_minari(tmp_path / "copy", strict=True).drives] == [35, 30]
    with pytest.raises(DrivesimError, match="episode_0 step 3: its action is not in"):
        read_minari(tmp_path / "out", strict=True)


def test_links_and_bytes_in_other_files_are_not_followed(tmp_path):
    written(tmp_path / "out")
    written(tmp_path / "other")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(8 * 60))
    with h5py.File(tmp_path / "out" / "data" / "main_data.hdf5", "a") as file:
        del file["episode_0"]
        file["episode_0"] = h5py.ExternalLink(str(tmp_path / "other" / "data" / "main_data.hdf5"), "/episode_0")
        del file["episode_1/actions"]
        file["episode_1"].create_dataset("actions", (30, 2), "f8", external=[(str(secret), 0, 480)])
    with pytest.raises(DrivesimError, match="no record can be used") as caught:
        read_minari(tmp_path / "out")
    assert "leads out of the file" in str(caught.value)
    assert "lie in other files" in str(caught.value)


def test_a_data_set_that_names_an_environment_alone_runs_nothing(tmp_path):
    written(tmp_path / "out")
    path = tmp_path / "out" / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["observation_space"]
    metadata["env_spec"] = json.dumps({"id": "X-v0", "entry_point": "os:abort"})
    path.write_text(json.dumps(metadata))
    with pytest.raises(DrivesimError, match="does not state its observation_space"):
        read_minari(tmp_path / "out")


def test_what_is_no_such_data_set_says_why(tmp_path):
    for name, change, why in (
        ("broken", {"observation_space": '{"type": "Dict"}'}, "its observation_space makes no sense"),
        (
            "blind",
            {"observation_space": '{"type": "Box", "dtype": "float32", "shape": [3]}'},
            "no observation is a picture",
        ),
        ("arrow", {"data_format": "arrow"}, "it is stored as 'arrow'; expected hdf5"),
    ):
        written(tmp_path / name, 5)
        path = tmp_path / name / "data" / "metadata.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(DrivesimError, match=why):
            read_minari(tmp_path / name)
    written(tmp_path / "cut", 5)
    main = tmp_path / "cut" / "data" / "main_data.hdf5"
    os.truncate(main, 1000)
    with pytest.raises(DrivesimError, match=r"main_data\.hdf5 can't be read"):
        read_minari(tmp_path / "cut")
