"""The real packages: donkeycar and lerobot open what is written here, and what they write is read here.

Each gets a virtual environment of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.deployment import donkeycar_part
from datasets.data_format import read_stored
from datasets.formats.donkeycar import write_tub
from datasets.formats.lerobot_writer import CAMERA, write_lerobot
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from tests.agents.policies import make_policy
from tests.datasets.laps import circle_lap
from tests.environments import environment, environments_folder

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
STEPS = 50


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    return environments_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def donkeycar(environments):
    # donkeycar's types import typing_extensions, which it does not ask for.
    return environment(environments, "donkeycar", "donkeycar==5.3.0 typing_extensions")


@pytest.fixture(scope="module")
def lerobot(environments):
    return environment(environments, "lerobot", "lerobot==0.4.4")


def ran(python, code, *arguments, **variables):
    """Run a program in another environment; its last line is JSON."""
    names = os.environ | {"HF_HUB_OFFLINE": "1", **variables}
    names.pop("PYTHONPATH", None) if "PYTHONPATH" not in variables else None
    command = [python, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=names, cwd="/", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def drives():
    rng = np.random.default_rng(0)
    steering, pedal = rng.uniform(-1, 1, (2, STEPS)).astype(np.float32)
    lap = circle_lap(STEPS, steering=steering, steering_label=steering, pedal=pedal, pedal_label=pedal)
    return drives_of_laps([lap, circle_lap(20)], Camera(width=160, height=120, fov=90.0, pitch=8.0))[0]


DONKEYCAR_READS = """
import json, sys
import numpy as np
from PIL import Image
from donkeycar.parts.tub_v2 import Tub
tub = Tub(sys.argv[1], read_only=True)
records = list(tub)
image = np.array(Image.open(f"{tub.images_base_path}/{records[3]['cam/image_array']}"))
print(json.dumps([[r["user/angle"] for r in records], [r["user/throttle"] for r in records], image.shape,
                  [r["_session_id"] for r in records], tub.manifest.current_index, float(image.mean())]))
"""
DONKEYCAR_WRITES = """
import json, sys
import numpy as np
from donkeycar.parts.tub_v2 import Tub
tub = Tub(sys.argv[1], inputs=["cam/image_array", "user/angle", "user/throttle", "user/mode"],
          types=["image_array", "float", "float", "str"], max_catalog_len=10)
for number in range(35):
    frame = np.full((24, 32, 3), 60, np.uint8)
    frame[:, number % 32] = (250, 200, 30)
    tub.write_record({"cam/image_array": frame, "user/angle": np.sin(number / 3), "user/throttle": None,
                      "user/mode": "user"})
tub.delete_records([4, 5, 20])
tub.close()
print(json.dumps("written"))
"""


def test_donkeycar_opens_a_tub_that_is_written_here(tmp_path, donkeycar, drives):
    write_tub(tmp_path, drives, lambda _: None)
    angles, throttles, shape, sessions, count, mean = ran(donkeycar, DONKEYCAR_READS, tmp_path)
    expected = np.concatenate([drive.steering for drive in drives])
    assert np.array(angles).tobytes() == expected.tobytes()
    assert np.array(throttles).tobytes() == np.concatenate([drive.pedal for drive in drives]).tobytes()
    assert (shape, count, len(set(sessions))) == ([120, 160, 3], STEPS + 20, 2)
    assert mean == pytest.approx(drives[0].pictures.read([3])[0].mean(), abs=1.0)


def test_a_tub_that_donkeycar_writes_is_read_here(tmp_path, donkeycar):
    ran(donkeycar, DONKEYCAR_WRITES, tmp_path / "tub")
    reading = read_stored(tmp_path / "tub", strict=True)
    kept = [number for number in range(35) if number not in (4, 5, 20)]
    (drive,) = reading.drives
    assert list(drive.steering) == [np.sin(number / 3) for number in kept]
    assert np.isnan(drive.pedal).all()
    assert drive.pictures.read([10])[0][:, :, 0].mean(axis=0).argmax() == kept[10]


VEHICLE = """
import json, sys
sys.path.append(sys.argv[2])  # donkeycar, after the packages that this project brings
import numpy as np
from donkeycar.vehicle import Vehicle
from agents.deployment.donkeycar_part import DrivesimPilot

class Camera:
    def run(self):
        frame = np.full((120, 160, 3), 60, np.uint8)
        frame[:, 40] = (250, 200, 30)
        return frame

class Watch:
    seen = []
    def run(self, angle, throttle):
        self.seen.append((angle, throttle))

car, watch = Vehicle(), Watch()
car.mem["run_pilot"] = True
car.add(Camera(), outputs=["cam/image_array"])
car.add(DrivesimPilot(sys.argv[1], throttle=0.3), inputs=["cam/image_array"],
        outputs=["pilot/angle", "pilot/throttle"], run_condition="run_pilot")
car.add(watch, inputs=["pilot/angle", "pilot/throttle"])
car.start(rate_hz=50, max_loop_count=10)
print()
print(json.dumps(watch.seen))
"""


def test_a_policy_drives_in_donkeycars_own_vehicle_loop(tmp_path, donkeycar):
    assert Path(donkeycar_part.__file__).is_relative_to(ROOT)
    make_policy().save(tmp_path / "policy")
    packages = donkeycar.parent.parent / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    seen = ran(sys.executable, VEHICLE, tmp_path / "policy", packages, PYTHONPATH=str(ROOT))
    assert len(seen) >= 9
    assert all(-1 <= angle <= 1 and throttle == 0.3 for angle, throttle in seen)
    assert len({angle for angle, _ in seen}) == 1


LEROBOT_READS = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
data = LeRobotDataset("drivesim/laps", root=sys.argv[1], video_backend="pyav")
items = [data[number] for number in range(len(data))]
means = [float(item[sys.argv[2]].mean() * 255) for item in items]
print(json.dumps([data.num_episodes, data.fps, [item["action"].tolist() for item in items], means,
                  [item["task"] for item in items][:1], [int(item["episode_index"]) for item in items],
                  list(items[0][sys.argv[2]].shape), data.meta.stats["action"]["mean"].tolist()]))
"""
LEROBOT_WRITES = """
import json, sys
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
names = ["height", "width", "channels"]
features = {"observation.images.front": {"dtype": "video", "shape": (48, 64, 3), "names": names},
            "observation.state": {"dtype": "float32", "shape": (1,), "names": ["speed"]},
            "action": {"dtype": "float32", "shape": (2,), "names": ["steering", "throttle"]}}
data = LeRobotDataset.create("me/laps", fps=20, features=features, root=sys.argv[1], use_videos=True)
for episode in range(2):
    for number in range(30):
        frame = np.full((48, 64, 3), 60, np.uint8)
        frame[:, 2 * number : 2 * number + 4] = (250, 200, 30)
        data.add_frame({"observation.images.front": frame, "observation.state": np.array([number / 2], np.float32),
                        "action": np.array([np.sin(number / 3), 0.25], np.float32), "task": "drive"})
    data.save_episode()
data.finalize()
print(json.dumps("written"))
"""


def test_lerobot_opens_a_data_set_that_is_written_here(tmp_path, lerobot, drives):
    write_lerobot(tmp_path, drives, lambda _: None)
    episodes, fps, actions, means, task, of_episode, shape, mean = ran(
        lerobot, LEROBOT_READS, tmp_path, CAMERA, HF_HOME=str(tmp_path / "hub")
    )
    assert (episodes, fps, task, shape) == (2, 20, ["drive"], [3, 120, 160])
    expected = np.concatenate([np.column_stack([drive.steering, drive.pedal]) for drive in drives])
    assert np.array(actions, np.float32).tobytes() == expected.astype(np.float32).tobytes()
    assert of_episode == [0] * STEPS + [1] * 20
    seen = [frame.mean() for drive in drives for frame in drive.pictures.read(range(len(drive)))]
    np.testing.assert_allclose(means, seen, atol=2.0)
    np.testing.assert_allclose(mean, expected.mean(axis=0), atol=1e-6)


def test_a_data_set_that_lerobot_writes_is_read_here(tmp_path, lerobot):
    ran(lerobot, LEROBOT_WRITES, tmp_path / "data", HF_HOME=str(tmp_path / "hub"))
    reading = read_stored(tmp_path / "data", strict=True)
    assert ([len(drive) for drive in reading.drives], reading.control_hz) == ([30, 30], 20.0)
    for drive in reading.drives:
        np.testing.assert_array_equal(drive.steering, np.sin(np.arange(30) / 3).astype(np.float32))
        assert set(drive.pedal) == {0.25}
        np.testing.assert_allclose(drive.speed, np.arange(30) / 2)
        for number in (0, 13, 29):
            columns = drive.pictures.read([number])[0][:, :, 0].astype(int).mean(axis=0)
            assert 2 * number <= columns.argmax() < 2 * number + 4
