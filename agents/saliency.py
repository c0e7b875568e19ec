"""python -m agents.saliency --policy policy --out saliency.png

Draw what a network looks at: frames from unseen roads, and which of their pixels its actions rest on; see
`agents.models.saliency_maps`.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agents.evaluation.footage import views_again
from agents.frame_history import Views
from agents.load_driver import EXPORTED
from agents.models.saliency_maps import overlay, randomisation_check, saliency_maps
from agents.policy import Policy
from agents.rollout import Course, Drive, drive
from drivesim.camera import Camera
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError
from drivesim.world import WorldSource

# Pixels of the contact sheet between frames.
_GAP = 8


@dataclass
class Args:
    """Options of the command."""

    policy: Path
    """A policy's folder."""
    out: Path
    """Draw the picture here (PNG)."""
    tracks: int = 8
    """Unseen roads; each gives the frame at its sharpest steering."""
    first_seed: int = 0
    """Seed of the first road."""
    seconds: float = 20.0
    """Driven on each road."""
    device: str = "auto"
    """For the network: auto, cpu or cuda."""


def main(args: Args) -> None:
    """Draw."""
    if args.tracks < 1:
        raise DrivesimError(f"--tracks: expected 1 or more, got {args.tracks}.")
    if args.out.suffix.lower() != ".png":
        raise DrivesimError(f"--out: expected a name that ends in .png, got {args.out.name}.")
    if args.policy.suffix in EXPORTED:
        raise DrivesimError(
            f"--policy: what a network looks at is read from its layers, which {args.policy} hides. Give the folder of "
            "the policy that it was exported from."
        )
    check_writable(args.out)
    policy = Policy.load(args.policy, args.device)
    course = Course.made_for(policy.config, time_limit=args.seconds, put_back_off_road=True)
    worlds = WorldSource(range(args.first_seed, args.first_seed + args.tracks), "mixed", "test").all()
    shown = [_sharpest(driven, policy) for driven in drive(policy, worlds, course)]
    views = tuple(np.concatenate(each) for each in zip(*(seen for seen, _ in shown), strict=True))
    speeds = np.array([speed for _, speed in shown]) if policy.config.takes_speed else None
    sheets = []
    for number, (camera, frames) in enumerate(zip(policy.config.cameras, views, strict=True)):
        newest = frames[:, 0] if policy.config.past else frames
        sheets.append(_contact_sheet(newest, saliency_maps(policy, views, speeds, number)))
        check = randomisation_check(policy, views, speeds, camera=number)
        print(
            f"{args.out}: {len(frames)} frames{_of(camera) if len(views) > 1 else ''}. With the maps of the same "
            f"network with random weights they share {check['overlap']:.0%} of their brightest places; structural "
            f"similarity {check['ssim']:.2f}, rank correlation {check['rank_correlation']:.2f} (100%, 1 and 1 would be "
            "the same maps)."
        )
    cv2.imwrite(str(args.out), _one_above_the_other(sheets)[..., ::-1])


def _sharpest(driven: Drive, policy: Policy) -> tuple[Views, float]:
    """What is seen at the sharpest steering of a drive, and the speed there."""
    step = int(np.argmax(np.abs(driven.columns["steering"])))
    return views_again(driven, policy.config, [step]), float(driven.columns["speed"][step])


def _of(camera: Camera) -> str:
    return f" of the camera with {camera.height} x {camera.width} pixels"


def _one_above_the_other(sheets: list[np.ndarray]) -> np.ndarray:
    width = max(sheet.shape[1] for sheet in sheets)
    padded = [np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in sheets]
    return np.concatenate(padded)


def _contact_sheet(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Put each frame above its overlay, enlarged, on white: (rows, columns, 3) uint8 RGB."""
    count, height, width = maps.shape
    scale = max(1, round(192 / width))
    columns = min(count, max(1, 1600 // (scale * width + _GAP)))
    rows = -(-count // columns)
    step_x, step_y = scale * width + _GAP, 2 * scale * height + 2 + 2 * _GAP
    sheet = np.full((rows * step_y, columns * step_x + _GAP, 3), 255, np.uint8)
    for i, (frame, saliency_map) in enumerate(zip(frames, maps, strict=True)):
        pair = np.concatenate([frame, overlay(frame, saliency_map)])
        large = cv2.resize(pair, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        top, left = i // columns * step_y + _GAP, i % columns * step_x + _GAP
        sheet[top : top + len(large), left : left + large.shape[1]] = large
    return sheet


if __name__ == "__main__":
    run_command(main, Args, __doc__)
