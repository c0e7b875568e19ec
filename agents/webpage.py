"""python -m agents.webpage --policy policy --out docs/demo

Make a web page on which the policy drives: in the browser, on roads that it never saw, and whoever looks may take the
wheel from it.

The page needs no server but one that hands out its files, and no network. See it:
python -m http.server --directory docs/demo
"""

import itertools
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

import drivesim
from agents.browser.road_files import camera_values, write_road
from agents.browser.runtime import write_runtime
from agents.deployment.exported_file import input_names
from agents.deployment.onnx_driver import OnnxDriver
from agents.export import Args as ExportArgs
from agents.export import export_policy
from agents.lineup import generated_worlds, worlds_of_files
from agents.rollout import Course
from drivesim.appearance import PRESETS, Appearance
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.render import Renderer
from drivesim.world import World

_PAGE = Path(__file__).parent / "browser" / "page"

# What is exported is compared with the policy on so many frames.
CHECKED_FRAMES = 1000


@dataclass
class Args:
    """Options of the command."""

    policy: Path
    """A policy's folder, or an .onnx file that agents.export wrote."""
    out: Path
    """The page's folder; made new."""
    tracks: int = 3
    """Unseen generated roads."""
    first_seed: int = 0
    """Seed of the first road."""
    difficulty: str = "mixed"
    """Of generated roads: easy, medium, hard, or mixed."""
    track_files: list[Path] = field(default_factory=list)
    """Track files (TUM or F1TENTH CSV), or folders of them, instead of generated roads."""
    appearance: list[str] = field(default_factory=lambda: ["meadow", "desert", "city"])
    """Looks of the roads, in turn: names of presets, or random."""
    runtime: Path | None = None
    """The archive that `npm pack onnxruntime-web@1.30.0` makes; npm fetches it if left out."""


def main(args: Args) -> None:
    """Make the page."""
    if args.out.exists():
        raise DrivesimError(f"--out: {args.out} exists already. Choose another name or remove it.")
    worlds = _worlds(args)
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{args.out.name}-", dir=args.out.parent) as aside:
            page = Path(aside) / "page"
            shutil.copytree(_PAGE, page)
            driver = _write_policy(page / "policy.onnx", args.policy)
            write_runtime(page / "runtime", args.runtime)
            values = _page_values(page, driver, worlds)
            (page / "demo.json").write_text(json.dumps(values), encoding="utf-8")
            page.rename(args.out)
    except OSError as error:
        raise DrivesimError(f"--out: {args.out} can't be written ({error.strerror}). Choose another place.") from error
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    Console().print(
        f"Wrote {args.out} ({size / 1e6:.1f} MB, {len(worlds)} roads). See it: python -m http.server --directory "
        f"{args.out}",
        soft_wrap=True,
        highlight=False,
    )


def _worlds(args: Args) -> list[World]:
    """Return the roads, each in its look."""
    if not args.appearance:
        raise DrivesimError(f"--appearance: expected one or more of random, {', '.join(PRESETS)}; got none.")
    for name in args.appearance:
        check_name("--appearance", name, ["random", *PRESETS])
    if args.track_files:
        worlds = worlds_of_files(args.track_files, False, "random")
    else:
        worlds = generated_worlds(args.tracks, args.difficulty, args.first_seed, "random")
    looks = itertools.cycle(args.appearance)
    return [
        world if look == "random" else World(world.track, Appearance.preset(look))
        for world, look in zip(worlds, looks, strict=False)
    ]


def _write_policy(path: Path, policy: Path) -> OnnxDriver:
    """Export a policy's folder, or copy a file; return what drives it."""
    if policy.suffix == ".onnx":
        driver = OnnxDriver(policy, threads=1)
        shutil.copyfile(policy, path)
        return driver
    export_policy(ExportArgs(policy=policy, out=path, frames=CHECKED_FRAMES))
    driver = OnnxDriver(path, threads=1)
    driver.name = policy.resolve().name
    return driver


def _page_values(folder: Path, driver: OnnxDriver, worlds: list[World]) -> dict[str, Any]:
    """Write the roads; return all that the page must know, plain JSON."""
    config, rules = driver.config, Course.made_for(driver.config).rules
    renderers = [Renderer(camera, rules.vehicle) for camera in config.cameras]
    training = config.training
    return {
        "drivesim": drivesim.__version__,
        "policy": {
            "name": driver.name,
            "file": "policy.onnx",
            "bytes": (folder / "policy.onnx").stat().st_size,
            "backbone": config.backbone,
            "frame_inputs": input_names(config)[: len(config.cameras)],
            "takes_speed": config.takes_speed,
            "past": config.past,
            "stride": config.stride,
            "outputs": config.outputs,
            "laps": training.get("laps"),
            "seconds": training["steps"] / config.control_hz if "steps" in training else None,
        },
        "cameras": [camera_values(renderer) for renderer in renderers],
        "vehicle": asdict(rules.vehicle),
        "rules": {
            "control_hz": rules.control_hz,
            "dt": rules.dt,
            "substeps": rules.substeps,
            "cruise_speed": rules.cruise_speed,
            "off_road_margin": rules.off_road_margin,
        },
        "roads": [write_road(folder, number, world, renderers) for number, world in enumerate(worlds)],
    }


if __name__ == "__main__":
    run_command(main, Args, __doc__)
