"""Devices: keyboard, gamepads and steering wheels, plugged and unplugged at any time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from drivesim.cockpit.calibration import CalibrationRun
from drivesim.cockpit.controls import Calibration, Demand, press_pedal, stick_demand, turn_wheel, wheel_demand
from drivesim.cockpit.controls_file import read_settings, write_settings
from drivesim.cockpit.viewer import pygame
from drivesim.errors import DrivesimError

_LEFT, _RIGHT = (pygame.K_LEFT, pygame.K_a), (pygame.K_RIGHT, pygame.K_d)
_THROTTLE, _BRAKE = (pygame.K_UP, pygame.K_w), (pygame.K_DOWN, pygame.K_s)

# What a gamepad's buttons stand for.
_BUTTONS = {
    pygame.CONTROLLER_BUTTON_A: "r",
    pygame.CONTROLLER_BUTTON_B: "backspace",
    pygame.CONTROLLER_BUTTON_X: "n",
    pygame.CONTROLLER_BUTTON_Y: "v",
    pygame.CONTROLLER_BUTTON_START: "p",
    pygame.CONTROLLER_BUTTON_BACK: "h",
}

_STICK_AND_TRIGGERS = (
    pygame.CONTROLLER_AXIS_LEFTX,
    pygame.CONTROLLER_AXIS_TRIGGERLEFT,
    pygame.CONTROLLER_AXIS_TRIGGERRIGHT,
)

# SDL knows some wheels as gamepads; by these words of their names they are told from them.
_WHEEL_WORDS = ("wheel", "racing", "driving force", "g27", "g29", "g920", "g923", "thrustmaster", "fanatec", "moza")
_STICK_RANGE = 32767.0


class Devices:
    """Everything that a person may steer with.

    Attributes:
        calibrating: The calibration of a steering wheel that is going on, or None.
        messages: To be shown, newest last; whoever shows them takes them out.

    Args:
        path: Of the settings.

    Raises:
        DrivesimError: If the settings cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.settings = path, read_settings(path)
        self.calibrating: CalibrationRun | None = None
        self.messages: list[str] = []
        self._pads: dict[int, Any] = {}
        self._wheels: dict[int, Any] = {}
        self._by_keys = True
        pygame.joystick.init()
        _controller().init()

    def handle(self, event: pygame.event.Event) -> str | None:
        """Take notice of a device that was plugged or unplugged; return the key that a button stands for."""
        if event.type == pygame.JOYDEVICEADDED:
            self._add(event.device_index)
        elif event.type == pygame.JOYDEVICEREMOVED:
            self._remove(event.instance_id)
        elif event.type == pygame.CONTROLLERBUTTONDOWN and event.instance_id in self._pads:
            return _BUTTONS.get(event.button)
        elif self.calibrating and event.type == pygame.KEYDOWN:
            self._calibrate(pygame.key.name(event.key))
        return None

    def read(self, steering: float, pedal: float, speed: float, dt: float) -> Demand:
        """Return what is asked for now.

        Keys move the wheel and the pedals from where they are; sticks and wheels say where they are.

        Args:
            steering: Applied in the last step, whoever did.
            pedal: Applied in the last step, whoever did.
            speed: Of the car, m/s.
            dt: Length of a step, seconds.
        """
        keys = pygame.key.get_pressed()
        turn, press = _held(keys, _RIGHT) - _held(keys, _LEFT), _held(keys, _THROTTLE) - _held(keys, _BRAKE)
        touched = bool(_held(keys, _RIGHT) or _held(keys, _LEFT)), bool(_held(keys, _THROTTLE) or _held(keys, _BRAKE))
        device = self._device()
        if any(touched) or device is None:
            self._by_keys = True
        elif device.steers or device.presses:
            self._by_keys = False
        if device is not None and not self._by_keys:
            return device
        wheel = turn_wheel(steering, turn, speed, dt, self.settings)
        return Demand(wheel, press_pedal(pedal, press, dt), *touched)

    def calibrate(self) -> None:
        """Begin to calibrate the steering wheel that is plugged in."""
        wheel = next(iter(self._wheels.values()), None)
        if wheel is None:
            self.messages.append("No steering wheel is plugged in: nothing to calibrate")
            return
        self.calibrating = CalibrationRun(wheel.get_name(), _axes(wheel))

    def close(self) -> None:
        """Let go of all devices."""
        self._pads.clear()
        self._wheels.clear()
        _controller().quit()
        pygame.joystick.quit()

    def _add(self, index: int) -> None:
        stick = pygame.joystick.Joystick(index)
        name = stick.get_name()
        is_wheel = any(word in name.lower() for word in _WHEEL_WORDS)
        if _controller().is_controller(index) and not is_wheel:
            self._pads[stick.get_instance_id()] = _controller().Controller(index)
            self.messages.append(f"{name} plugged in")
        elif stick.get_numaxes():
            self._wheels[stick.get_instance_id()] = stick
            known = stick.get_guid() in self.settings.wheels
            self.messages.append(f"{name} plugged in" + ("" if known else ": C calibrates it"))

    def _remove(self, number: int) -> None:
        gone = self._pads.pop(number, None) or self._wheels.pop(number, None)
        if gone is not None:
            self.calibrating = None
            self.messages.append("Unplugged: the keyboard steers" if not self._pads | self._wheels else "Unplugged")

    def _device(self) -> Demand | None:
        """What the last device asks for that was plugged in, a calibrated wheel before a gamepad."""
        for wheel in reversed(self._wheels.values()):
            calibration = self.settings.wheels.get(wheel.get_guid())
            if calibration is not None:
                return wheel_demand(_axes(wheel), calibration, self.settings.dead_zone)
        for pad in reversed(self._pads.values()):
            stick, left, right = (pad.get_axis(axis) / _STICK_RANGE for axis in _STICK_AND_TRIGGERS)
            return stick_demand(stick, left, right, self.settings.dead_zone)
        return None

    def _calibrate(self, key: str) -> None:
        """Go on with a calibration, keep its outcome or give it up."""
        run, wheel = self.calibrating, next(iter(self._wheels.values()), None)
        if run is None or wheel is None or key == "escape":
            self.calibrating = None
            return
        if key not in ("space", "return"):
            return
        found: Calibration | None = run.take(_axes(wheel), skip=key == "return")
        if found is None:
            return
        self.calibrating = None
        self.settings = replace(self.settings, wheels={**self.settings.wheels, wheel.get_guid(): found})
        try:
            write_settings(self._path, self.settings)
            self.messages.append(f"{found.name} is calibrated")
        except DrivesimError as error:
            self.messages.append(str(error))


def _held(keys: Any, names: tuple[int, ...]) -> int:
    return int(any(keys[name] for name in names))


def _axes(stick: Any) -> list[float]:
    return [stick.get_axis(axis) for axis in range(stick.get_numaxes())]


def _controller() -> Any:
    """SDL's controllers, by a name that pygame gives no promise for."""
    from pygame._sdl2 import controller

    return controller
