"""Pictures: driven lines on their roads, and short films."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from agents.evaluation.evaluation import Evaluation
from agents.evaluation.footage import draw_steering, seen_again, write_film
from agents.rollout import Course, Drive
from drivesim.env import RENDER_CAMERA
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

# The colour scale of the distance to the centreline ends here, metres.
_WORST_SHOWN = 0.5

_MOST_SHOWN = 18
_FILM_SECONDS = 20.0


def draw_drives(evaluation: Evaluation, path: Path) -> None:
    """Draw the least accurate drives, and evenly others, on their roads; colour is the distance to the centreline."""
    order = np.argsort([-track["cross_track_error_mean"] for track in evaluation.tracks])
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), _MOST_SHOWN)).astype(int))]
    columns = min(len(shown), 6)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.6 * rows + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    scale = ScalarMappable(Normalize(0, _WORST_SHOWN), "turbo")
    for axis, index in zip(axes, shown, strict=False):
        driven, metrics = evaluation.drives[index], evaluation.tracks[index]
        for edge in driven.world.track.edges():
            axis.plot(*np.vstack([edge, edge[:1]]).T, color="0.7", linewidth=0.6)
        xy = np.column_stack([driven.columns["x"], driven.columns["y"]])
        pieces = np.stack([xy[:-1], xy[1:]], axis=1)
        error = np.abs(driven.columns["lateral_error"][:-1])
        axis.add_collection(LineCollection(list(pieces), colors=scale.to_rgba(error), linewidth=2.0))
        left = np.flatnonzero(driven.departed)
        axis.plot(driven.columns["x"][left], driven.columns["y"][left], "x", color="crimson", markersize=5)
        axis.set_title(f"{driven.world.track.name}\n{metrics['cross_track_error_mean']:.2f} m", fontsize=7)
        axis.set_aspect("equal")
    for axis in axes:
        axis.set_axis_off()
    figure.colorbar(scale, ax=list(axes), label="distance to the centreline (m)", shrink=0.5, aspect=30)
    summary = evaluation.summary
    figure.suptitle(
        f"{len(order)} roads: autonomy {summary['autonomy']:.3f}, "
        f"{summary['tracks_without_departure']:.0%} without a departure, mean error "
        f"{summary['cross_track_error_mean']:.2f} m",
        fontsize=10,
    )
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format="png")


def check_video_name(path: Path) -> None:
    """Refuse a file name that tells no format that `write_video` writes."""
    if path.suffix.lower() not in (".mp4", ".gif"):
        raise DrivesimError(f"--video: expected a name that ends in .mp4 or .gif, got {path.name}.")


def write_video(driven: Drive, course: Course, path: Path) -> None:
    """Film a drive's first seconds (MP4 or GIF): the road from above, and in a corner what each camera saw."""
    check_video_name(path)
    count = min(len(driven.put_back), round(_FILM_SECONDS / driven.dt))
    options = ["-vf", "fps=10,scale=320:-1,split[a][b];[a]palettegen[p];[b][p]paletteuse"]
    is_gif = path.suffix.lower() == ".gif"
    write_film(path, _film_frames(driven, course, count), 1 / driven.dt, options if is_gif else ())


def _film_frames(driven: Drive, course: Course, count: int) -> Iterator[np.ndarray]:
    steps, vehicle = range(count), course.vehicle
    roads = seen_again(driven, RENDER_CAMERA, vehicle, steps)
    cameras = [seen_again(driven, camera, vehicle, steps) for camera in course.cameras]
    for step, frame in zip(steps, roads, strict=True):
        top = 10
        for views in cameras:
            view = next(views)
            _inset(frame, view, top)
            top += len(view) + 6
        draw_steering(frame, float(driven.columns["steering"][step]))
        yield frame


def _inset(frame: np.ndarray, view: np.ndarray, top: int) -> None:
    """Put what a camera saw at the left border, from row `top`, in a white frame; what does not fit is cut off."""
    view = view[: max(len(frame) - top - 2, 0), : frame.shape[1] - 12]
    height, width = view.shape[:2]
    frame[top - 2 : top + height + 2, 8 : width + 12] = 255
    frame[top : top + height, 10 : width + 10] = view
