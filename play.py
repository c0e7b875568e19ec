"""python play.py --out laps

Drive with the arrow keys or WASD, a gamepad or a steering wheel, and leave with laps to train on.

Watch a policy, or a file that agents.export wrote, and take the wheel from it: python play.py --policy policy
See a lap again: python play.py --replay laps
Drive another environment: python play.py --env CarRacing-v3 --out episodes
R records, Backspace goes back, H lists all keys, Escape ends. Whatever ends it, the laps are kept.
"""

import contextlib
import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from agents.frame_driver import FrameDriver
from agents.load_driver import load_frame_driver
from agents.ride.gym_drive import GymDrive
from agents.ride.recorder import Recorder
from agents.ride.replay import Replay
from agents.ride.session import Session
from agents.traffic_options import with_traffic
from datasets.lap_files import read_laps
from datasets.recording import recover
from drivesim.camera import get_camera
from drivesim.cockpit.controls_file import controls_path
from drivesim.cockpit.follow_camera import FollowCamera
from drivesim.command import run_command
from drivesim.env import DriveEnv, SteerEnv
from drivesim.errors import DrivesimError

# How far a car may be off the road that is not brought back by itself, metres: as far as the simulation follows it.
_FARTHEST_OFF_ROAD = 20.0

# No drive ends by itself.
_NEVER = 1e9

_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


@dataclass
class Args:
    """Options of the command."""

    out: Path = Path("laps")
    """Folder that recorded laps are added to."""
    track: str | None = None
    """A track's seed or a track file (TUM or F1TENTH CSV); any track if left out."""
    difficulty: str = "medium"
    """Of generated tracks: easy, medium, hard, or mixed."""
    camera: str = "topdown"
    """The camera whose frame is shown in the corner: topdown, front, left or right."""
    lane: str = "center"
    """Where to drive: in the center, or in the right or left of two lanes."""
    traffic: int = 0
    """Other cars on the road, up to 64."""
    obstacles: int = 0
    """Parked cars, barriers and rows of cones on the road, up to 64."""
    pedal: bool = False
    """Work the pedal too, instead of a cruise controller."""
    vehicle: str = "car"
    """The car: car, car-dynamic or rc."""
    policy: Path | None = None
    """A policy's folder, or an exported file: it drives; touching a control takes the wheel from it."""
    replay: Path | None = None
    """Show this lap, or the laps of this folder."""
    env: str | None = None
    """drivesim/Traffic-v0: the right of two lanes, with a pedal, among others. Another Gymnasium environment is driven
    instead, and its frames are recorded."""
    auto_rewind: bool = True
    """Leaving the road goes back by itself."""
    seed: int | None = None
    """Of the tracks that are drawn."""
    size: str = "1280x720"
    """Of the window, pixels."""
    fullscreen: bool = False
    """Fill the screen."""
    fps: bool = False
    """Show frames a second, and print them at the end."""
    seconds: float | None = None
    """End after so many seconds."""


def main(args: Args) -> None:
    """Drive until Escape."""
    width, height = _window_size(args.size)
    args = with_traffic(args, pedal=True)
    _check_modes(args)
    ride = _make_ride(args)
    from agents.ride.game import Game, draw_ground  # here, so that a lack of pygame is one sentence
    from drivesim.cockpit.devices import Devices
    from drivesim.cockpit.hud import HELP, REPLAY_HELP, Hud
    from drivesim.cockpit.window import Window

    devices = Devices(controls_path())
    window = Window("drivesim", width, height, args.fullscreen)
    camera = None
    try:
        if isinstance(ride, GymDrive):
            game = Game(ride, window, devices, Hud(), lambda size, share: ride.picture(), shows_rate=args.fps)
        else:
            camera = FollowCamera(ride.vehicle)
            hud = Hud(REPLAY_HELP if isinstance(ride, Replay) else HELP)
            game = Game(ride, window, devices, hud, draw_ground(ride, camera), camera, args.fps)
        if isinstance(ride, Session) and args.out.is_dir():
            for sentence in recover(args.out):
                print(sentence)
                ride.messages.append(sentence)
        print("Driving. R records, H lists all keys, Escape ends.", flush=True)
        with _ended_by_signals():
            game.run(args.seconds)
    finally:
        ride.close()
        if camera is not None:
            camera.close()
        devices.close()
        window.close()
    if args.fps:
        print(f"{window.pacer.rate():.1f} frames a second at {args.size}, {window.pacer.low():.1f} in the slowest 1 %")
    if not isinstance(ride, Replay):
        _sum_up(ride, args)


def _make_ride(args: Args) -> Session | Replay | GymDrive:
    """Make what is driven, or say in one sentence why it can't be, before a window is opened."""
    if args.replay is not None:
        return Replay(read_laps(args.replay)[0], get_camera(args.camera))
    if args.env is not None:
        return GymDrive(args.env, args.out, args.seed)
    policy = _load_policy(args.policy) if args.policy is not None else None
    has_pedal = args.pedal or (policy is not None and "pedal" in policy.config.outputs)
    if policy is not None and args.pedal and "pedal" not in policy.config.outputs:
        raise DrivesimError("--pedal: this policy steers alone; leave --pedal out.")
    track: Any = int(args.track) if args.track is not None and args.track.isdecimal() else args.track
    env = (DriveEnv if has_pedal else SteerEnv)(
        track=track,
        difficulty=args.difficulty,
        camera=policy.config.cameras if policy else args.camera,
        vehicle=policy.vehicle if policy else args.vehicle,
        control_hz=policy.config.control_hz if policy else 20.0,
        lane=args.lane,
        traffic=args.traffic,
        obstacles=args.obstacles,
        off_road_margin=0.0 if args.auto_rewind else _FARTHEST_OFF_ROAD,
        laps=round(_NEVER),
        stall_time=_NEVER,
        time_limit=_NEVER,
    )
    return Session(env, Recorder(args.out), policy, args.seed)


def _load_policy(path: Path) -> FrameDriver:
    """Load it to compute in one thread: for one frame a second gains nothing, and the window needs it."""
    policy = load_frame_driver(path, threads=1)
    if policy.shows_layers:
        import torch

        torch.set_num_threads(1)
    return policy


def _check_modes(args: Args) -> None:
    modes = {"--policy": args.policy, "--replay": args.replay, "--env": args.env}
    given = [name for name, value in modes.items() if value is not None]
    if len(given) > 1:
        raise DrivesimError(f"{' and '.join(given)}: expected one of them at a time; leave the others out.")


def _window_size(size: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", size)
    if match is None:
        raise DrivesimError(f"--size: expected width x height in pixels as in 1280x720, got {size!r}.")
    return int(match[1]), int(match[2])


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as if by Escape when the process is asked to, or its terminal is closed: the lap is kept."""

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            if signal.getsignal(number) is end:
                signal.signal(number, handler)


def _sum_up(ride: Session | GymDrive, args: Args) -> None:
    """Say what was recorded, and how to go on."""
    recorder = ride.recorder if isinstance(ride, Session) else ride
    if not recorder.steps:
        return
    laps = f"{recorder.laps} {'lap' if isinstance(ride, Session) else 'episode'}{'s' if recorder.laps != 1 else ''}"
    print(f"Recorded {recorder.steps * ride.dt:.1f} s, {laps}, into {args.out}")
    if isinstance(ride, Session):
        good = ride.recorder.good * ride.dt
        print(
            f"To learn from: {good:.1f} s; marked, as rewound or driven by the policy: "
            f"{recorder.steps * ride.dt - good:.1f} s"
        )
        out = shlex.quote(str(args.out))
        print(f"Train on them: python -m agents.train --data {out} --backbone pilotnet --out policy")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
