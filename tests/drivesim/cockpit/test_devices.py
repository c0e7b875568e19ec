"""Keyboard, gamepads and wheels, none of which is plugged in: they are made up."""

import pygame
import pytest

from drivesim.cockpit import devices as devices_module
from drivesim.cockpit.controls import Axis, Calibration, Settings
from drivesim.cockpit.controls_file import read_settings, write_settings
from drivesim.cockpit.devices import Devices

DT = 0.05


class Stick:
    def __init__(self, number, name, axes, guid="03ab"):
        self.number, self.name, self.axes, self.guid = number, name, axes, guid

    def get_instance_id(self):
        return self.number

    def get_name(self):
        return self.name

    def get_guid(self):
        return self.guid

    def get_numaxes(self):
        return len(self.axes)

    def get_axis(self, axis):
        return self.axes[axis]


class Plugs:
    """The sticks that are plugged in, by index, and which of them SDL knows as gamepads."""

    def __init__(self):
        self.sticks, self.pads, self.held = [], set(), set()

    def __getitem__(self, key):
        return key in self.held

    def is_controller(self, index):
        return index in self.pads

    def Controller(self, index):  # noqa: N802, as pygame calls it
        return self.sticks[index]

    def init(self):
        pass

    quit = init


@pytest.fixture
def plugs(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    plugs = Plugs()
    monkeypatch.setattr(devices_module, "_controller", lambda: plugs)
    monkeypatch.setattr(pygame.joystick, "Joystick", lambda index: plugs.sticks[index])
    monkeypatch.setattr(pygame.key, "get_pressed", lambda: plugs)
    yield plugs
    pygame.display.quit()


@pytest.fixture
def devices(plugs, tmp_path):
    devices = Devices(tmp_path / "controls.json")
    yield devices
    devices.close()


def plug(devices, plugs, stick, is_pad=False):
    plugs.sticks.append(stick)
    index = len(plugs.sticks) - 1
    plugs.pads |= {index} if is_pad else set()
    devices.handle(pygame.event.Event(pygame.JOYDEVICEADDED, device_index=index))


def unplug(devices, stick):
    devices.handle(pygame.event.Event(pygame.JOYDEVICEREMOVED, instance_id=stick.number))


def press(devices, key):
    devices.handle(pygame.event.Event(pygame.KEYDOWN, key=key))


@pytest.mark.parametrize(
    ("keys", "steers", "pedal"),
    [
        ((), 0, 0),
        ((pygame.K_LEFT,), -1, 0),
        ((pygame.K_a, pygame.K_LEFT), -1, 0),
        ((pygame.K_d,), 1, 0),
        ((pygame.K_UP,), 0, 1),
        ((pygame.K_w, pygame.K_RIGHT), 1, 1),
        ((pygame.K_s,), 0, -1),
        ((pygame.K_DOWN, pygame.K_w), 0, 0),
        ((pygame.K_x,), 0, 0),
    ],
)
def test_arrows_and_letters_steer_and_work_the_pedals(devices, plugs, keys, steers, pedal):
    plugs.held = {*keys}
    demand = devices.read(0.0, 0.0, 5.0, DT)
    assert (demand.steering > 0) - (demand.steering < 0) == steers
    assert (demand.pedal > 0) - (demand.pedal < 0) == pedal
    assert demand.steers == bool({pygame.K_LEFT, pygame.K_a, pygame.K_d, pygame.K_RIGHT} & {*keys})


def test_keys_turn_the_wheel_from_where_it_is_whoever_turned_it_there(devices, plugs):
    plugs.held = {pygame.K_RIGHT}
    assert devices.read(0.4, 0.0, 5.0, DT).steering == pytest.approx(0.4 + 1.6 * DT)


def test_a_gamepad_is_plugged_in_used_and_unplugged_while_driving(devices, plugs):
    pad = Stick(7, "A pad", [32767 * 0.6, 0, 0, 0, 0, 32767])
    plug(devices, plugs, pad, is_pad=True)
    demand = devices.read(0.0, 0.0, 5.0, DT)
    assert 0.2 < demand.steering < 0.6
    assert (demand.pedal, demand.steers, demand.presses) == (1.0, True, True)
    # A key takes over, and the stick when it is moved again.
    plugs.held = {pygame.K_LEFT}
    assert devices.read(0.0, 0.0, 5.0, DT).steering < 0
    plugs.held = set()
    pad.axes[0] = -32767
    assert devices.read(0.0, 0.0, 5.0, DT).steering == -1.0
    pad.axes[0] = pad.axes[5] = 0
    assert devices.read(0.9, 0.0, 5.0, DT).steering == 0.0, "a stick says where it is"
    unplug(devices, pad)
    assert devices.messages[-1] == "Unplugged: the keyboard steers"
    assert devices.read(0.9, 0.0, 5.0, DT).steering == pytest.approx(0.9 - 2.5 * DT)


def test_a_gamepad_s_buttons_stand_for_keys_and_those_of_others_for_none(devices, plugs):
    plug(devices, plugs, Stick(7, "A pad", [0] * 6), is_pad=True)

    def button(number, pad=7):
        return devices.handle(pygame.event.Event(pygame.CONTROLLERBUTTONDOWN, button=number, instance_id=pad))

    assert button(pygame.CONTROLLER_BUTTON_A) == "r"
    assert button(pygame.CONTROLLER_BUTTON_B) == "backspace"
    assert button(pygame.CONTROLLER_BUTTON_GUIDE) is None
    assert button(pygame.CONTROLLER_BUTTON_A, pad=8) is None


def test_a_wheel_is_calibrated_kept_and_known_again(devices, plugs, tmp_path):
    wheel = Stick(3, "Racing wheel", [0.0, 1.0, 1.0])
    plug(devices, plugs, wheel, is_pad=True)
    assert devices.messages == ["Racing wheel plugged in: C calibrates it"]
    assert devices.read(0.0, 0.0, 5.0, DT).steering == 0.0
    devices.calibrate()
    for axes in ([0.0, 1.0, 1.0], [-0.9, 1.0, 1.0], [0.9, 1.0, 1.0], [0.0, -1.0, 1.0]):
        assert devices.calibrating is not None
        wheel.axes = axes
        press(devices, pygame.K_SPACE)
    press(devices, pygame.K_RETURN)
    assert devices.calibrating is None
    expected = Calibration("Racing wheel", Axis(0, -0.9, 0.9), Axis(1, 1.0, -1.0))
    assert read_settings(tmp_path / "controls.json").wheels == {"03ab": expected}
    wheel.axes = [0.45, -1.0, 1.0]
    demand = devices.read(0.0, 0.0, 5.0, DT)
    assert demand.steering == pytest.approx(0.5, abs=0.01)
    assert demand.pedal == 1.0
    again = Devices(tmp_path / "controls.json")
    plug(again, plugs, wheel)
    assert again.messages == ["Racing wheel plugged in"]


def test_a_calibration_is_given_up_by_escape_or_by_unplugging(devices, plugs, tmp_path):
    wheel = Stick(3, "Racing wheel", [0.0])
    devices.calibrate()
    assert devices.messages == ["No steering wheel is plugged in: nothing to calibrate"]
    plug(devices, plugs, wheel)
    devices.calibrate()
    press(devices, pygame.K_x)
    assert devices.calibrating is not None
    press(devices, pygame.K_ESCAPE)
    assert devices.calibrating is None
    devices.calibrate()
    unplug(devices, wheel)
    assert devices.calibrating is None
    assert not (tmp_path / "controls.json").exists()


def test_the_settings_of_the_file_hold(plugs, tmp_path):
    write_settings(tmp_path / "controls.json", Settings(turn_rate=4.0))
    plugs.held = {pygame.K_d}
    assert Devices(tmp_path / "controls.json").read(0.0, 0.0, 5.0, DT).steering == pytest.approx(4.0 * DT)
