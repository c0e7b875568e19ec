"""Model card: what a policy folder's README.md says."""

from typing import Any


def model_card(config: dict[str, Any]) -> str:
    """Write the card of a policy from its configuration."""
    training, driving = config["training"], config["driving"]
    views = " and ".join(_view(camera) for camera in config["cameras"])
    if config["fit"] is not None:
        views += ", made of what a car's own camera saw"
    past, period = config["past"], config["stride"] / config["control_hz"]
    times = f", each with {past} earlier ones, {period:.2g} s apart" if past else ""
    speed = " It takes the car's speed too." if "speed" in config["inputs"] else ""
    lines = [
        f"# A drivesim policy: {config['backbone']}",
        "",
        f"Drives from camera frames: {views}{times}.{speed} It gives {' and '.join(config['outputs'])} in [-1, 1] at "
        f"{config['control_hz']:g} Hz (steering: -1 full left, +1 full right).",
        "",
        "## Use",
        "",
        "    python -m agents.evaluate --policy DIR --tracks 100",
        "    python play.py --policy DIR",
        "",
        f"## {_judged(config)}",
        "",
        *[f"- {name}: {value:.4g}" for name, value in driving.items()],
        "",
        "## How it was trained",
        "",
        *[f"- {name}: {value}" for name, value in training.items()],
        f"- drivesim {config['drivesim_version']}",
        "",
        "## Limits",
        "",
        _limits(config),
    ]
    return "\n".join(lines) + "\n"


def _view(camera: dict[str, Any]) -> str:
    view = f"from above, {camera['span']} m wide" if camera["span"] else f"ahead, {camera['fov']} degrees wide"
    return f"{camera['height']} x {camera['width']} RGB pixels, seen {view}"


def _judged(config: dict[str, Any]) -> str:
    if "steering_mae" in config["driving"]:
        return "How far it was from the driver on what was held out, which chose it (mean absolute errors)"
    return "How it drove the validation tracks that chose it"


def _limits(config: dict[str, Any]) -> str:
    if config["fit"] is None:
        return (
            "A simulated car on simulated roads. It has seen no other traffic, no obstacles and no real photographs, "
            "and must not steer a real vehicle on a public road."
        )
    top, right, bottom, left = config["fit"]["crop"]
    return (
        f"It learned from recorded pictures, of which {top:.0%} were cut away at the top, {right:.0%} at the right, "
        f"{bottom:.0%} at the bottom and {left:.0%} at the left; it knows that camera's view alone, and was judged by "
        "pictures, not by driving. It must not steer a real vehicle on a public road."
    )
