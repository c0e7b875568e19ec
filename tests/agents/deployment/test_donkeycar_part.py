"""A policy at the wheel of a Donkeycar: in a vehicle loop like donkeycar's, on pictures of any size."""

import numpy as np
import pytest

from agents.deployment.donkeycar_part import DrivesimPilot, fit_frame
from drivesim.errors import DrivesimError
from tests.agents.policies import CAMERA, make_frames, make_policy


class Vehicle:
    """What `donkeycar.vehicle.Vehicle` does with a part: inputs from memory by name, outputs back into it."""

    def __init__(self):
        self.memory, self.parts = {}, []

    def add(self, part, inputs=(), outputs=(), run_condition=None):
        self.parts.append((part, inputs, outputs, run_condition))

    def update(self):
        for part, inputs, outputs, run_condition in self.parts:
            if run_condition is None or self.memory.get(run_condition):
                given = part.run(*[self.memory.get(name) for name in inputs])
                self.memory.update(zip(outputs, given, strict=True))

    def stop(self):
        for part, *_ in self.parts:
            part.shutdown()


@pytest.fixture(autouse=True)
def one_thread(one_torch_thread):
    pass


def test_a_vehicle_loop_gets_angle_and_throttle_while_the_pilot_drives(tmp_path):
    policy = make_policy()
    policy.save(tmp_path / "mine")
    car = Vehicle()
    pilot = DrivesimPilot(tmp_path / "mine", throttle=0.3)
    car.add(pilot, ["cam/image_array"], ["pilot/angle", "pilot/throttle"], run_condition="run_pilot")
    car.update()
    assert car.memory == {}
    frame = max(make_frames(9, seed=4), key=lambda frame: abs(policy.predict(frame[None])[0, 0]))
    car.memory |= {"run_pilot": True, "cam/image_array": frame}
    car.update()
    assert car.memory["pilot/angle"] == pytest.approx(policy.predict(frame[None])[0, 0], abs=0.02)
    assert abs(car.memory["pilot/angle"]) > 0.1
    assert car.memory["pilot/throttle"] == 0.3
    car.stop()
    car.update()
    assert (car.memory["pilot/angle"], car.memory["pilot/throttle"]) == (0.0, 0.0)


def test_a_policy_with_past_frames_remembers_what_the_car_saw():
    policy = make_policy(past=2)
    pilot = DrivesimPilot(policy)
    frames = make_frames(3, seed=4)
    angles = [pilot.run(frame)[0] for frame in frames]
    first = np.stack([frames[0]] * 3)[None]
    np.testing.assert_allclose(angles[0], policy.predict(first)[0, 0], atol=1e-6)
    np.testing.assert_allclose(angles[2], policy.predict(frames[None, ::-1])[0, 0], atol=1e-6)


def test_a_policy_with_two_cameras_is_refused():
    with pytest.raises(DrivesimError, match="it takes 2 cameras, and a Donkeycar has one"):
        DrivesimPilot(make_policy(cameras=(CAMERA, CAMERA)))


def test_before_the_camera_has_a_picture_the_car_stands():
    assert DrivesimPilot(make_policy()).run(None) == (0.0, 0.0)


def test_a_policy_with_a_pedal_and_the_speed_gives_the_throttle_and_wants_the_speed():
    policy = make_policy(inputs=("camera", "speed"), outputs=("steering", "pedal"))
    pilot = DrivesimPilot(policy)
    frame = make_frames(1)[0]
    angle, throttle = pilot.run(frame, 3.0)
    np.testing.assert_allclose([angle, throttle], policy.predict(frame[None], np.array([3.0]))[0])
    with pytest.raises(DrivesimError, match="add inputs="):
        pilot.run(frame)


def test_a_larger_picture_of_the_same_scene_is_driven_alike():
    pilot = DrivesimPilot(make_policy())
    frame = make_frames(1, seed=4)[0]
    large = np.repeat(np.repeat(frame, 3, axis=0), 3, axis=1)
    assert pilot.run(large) == pytest.approx(pilot.run(frame))


def test_a_frame_of_the_cameras_size_is_left_as_it_is():
    frame = make_frames(1)[0]
    assert fit_frame(frame, 64, 64).tobytes() == frame.tobytes()


def test_what_is_too_wide_is_cut_on_both_sides_and_what_is_too_high_at_the_top():
    columns = np.zeros((10, 30, 3), np.uint8) + np.arange(30, dtype=np.uint8)[:, None]
    np.testing.assert_array_equal(fit_frame(columns, 10, 10)[0, :, 0], np.arange(10, 20))
    rows = np.zeros((30, 10, 3), np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None]
    np.testing.assert_array_equal(fit_frame(rows, 10, 10)[:, 0, 0], np.arange(20, 30))


def test_the_crop_is_cut_away_first():
    picture = np.full((14, 16, 3), 9, np.uint8)
    picture[1:11, 4:14] = 200
    assert (fit_frame(picture, 10, 10, crop=(1, 2, 3, 4)) == 200).all()


@pytest.mark.parametrize("shape", [(120, 160, 3), (120, 160), (120, 160, 1), (48, 48, 3), (480, 100, 3), (1, 1, 3)])
def test_pictures_of_any_size_and_grey_ones_become_frames(shape):
    picture = np.full(shape, 77, np.uint8)
    frame = fit_frame(picture, 66, 200)
    assert (frame.shape, frame.dtype) == ((66, 200, 3), np.uint8)
    assert (frame == 77).all()
    DrivesimPilot(make_policy()).run(picture)


@pytest.mark.parametrize(
    "picture", [np.zeros((9, 9, 3), np.float32), np.zeros((9, 9, 4), np.uint8), np.zeros(9, np.uint8)]
)
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(DrivesimError, match=r"image_arr: expected \(H, W, 3\) or \(H, W\) uint8"):
        fit_frame(picture, CAMERA.height, CAMERA.width)


def test_wrong_arguments_are_refused_before_the_car_moves():
    with pytest.raises(DrivesimError, match="throttle: expected a number from -1 to 1, got 3"):
        DrivesimPilot(make_policy(), throttle=3)
    with pytest.raises(DrivesimError, match="crop: expected pixels"):
        DrivesimPilot(make_policy(), crop=(-1, 0, 0, 0))
    with pytest.raises(DrivesimError, match="leaves nothing"):
        fit_frame(np.zeros((9, 9, 3), np.uint8), 9, 9, crop=(9, 0, 0, 0))
    with pytest.raises(DrivesimError, match="neither a policy's folder"):
        DrivesimPilot("nobody")
