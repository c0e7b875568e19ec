"""python -m docs.examples.own_controller --out drive.gif

Drive the Gymnasium environment with a controller of your own, and film it from above.
"""

import math
from pathlib import Path

import gymnasium
import tyro
from PIL import Image

import drivesim  # noqa: F401 (registers the environments)


def steer(info: dict) -> float:
    """Turn towards the centreline, the harder the farther the car is from it: the controller of Stanley, 2005."""
    back_to_line = math.atan2(1.5 * info["lateral_error"], info["speed"])
    angle = -info["heading_error"] - back_to_line  # of the wheel, radians, positive left
    return max(-1.0, min(1.0, -angle / 0.6))  # of the action, positive right


def main(out: Path = Path("drive.gif"), seconds: float = 20.0, seed: int = 0) -> None:
    """Drive.

    Args:
        out: Film here (GIF).
        seconds: To drive.
        seed: Of the road.
    """
    env = gymnasium.make("drivesim/Steer-v0", render_mode="rgb_array", time_limit=seconds)
    _, info = env.reset(seed=seed)
    film, total, ended = [], 0.0, False
    while not ended:
        _, reward, terminated, truncated, info = env.step([steer(info)])
        total, ended = total + float(reward), terminated or truncated
        if len(film) < info["time"] * 10:  # ten frames a second
            film.append(Image.fromarray(env.render()).resize((240, 240)))
    film[0].save(out, save_all=True, append_images=film[1:], duration=100, loop=0)
    where = f"{info['progress']:.0%} of a lap in {info['time']:.0f} s, {info['lateral_error']:+.2f} m from its middle"
    print(f"{where}; return {total:.0f}; end: {info['end_reason']}; {len(film)} frames in {out}")


if __name__ == "__main__":
    tyro.cli(main)
