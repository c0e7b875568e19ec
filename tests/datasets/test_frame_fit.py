"""How pictures of any size become frames: cut by shares, squeezed or kept in shape."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from datasets.frame_fit import FrameFit, fit_frame
from drivesim.errors import DrivesimError


def numbered(height, width):
    """Rows in red, columns in green."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=2).astype(np.uint8)


def test_shares_are_cut_at_the_top_right_bottom_and_left_of_pictures_of_any_size():
    fit = FrameFit((0.5, 0.1, 0.2, 0.3))
    small = fit.apply(numbered(10, 20), 3, 12)
    assert (small[:, 0, 0].tolist(), small[0, :, 1].tolist()) == ([5, 6, 7], list(range(6, 18)))
    large = fit.apply(numbered(100, 200), 30, 120)
    assert (large[0, 0, 0], large[-1, 0, 0], large[0, 0, 1], large[0, -1, 1]) == (50, 79, 60, 179)


def test_the_rest_is_squeezed_or_kept_in_shape():
    picture = numbered(40, 80)
    squeezed = FrameFit().apply(picture, 10, 40)
    assert squeezed.shape == (10, 40, 3)
    assert squeezed[0, 0, 0] < 3 and squeezed[-1, 0, 0] > 36
    kept = FrameFit(keeps_shape=True).apply(picture, 10, 40)
    # 20 of the 40 rows: the lower ones, where the road is.
    assert kept[0, 0, 0] >= 20
    assert kept.tobytes() == fit_frame(picture, 10, 40).tobytes()


def test_a_fit_comes_back_from_json():
    fit = FrameFit((0.3, 0.0, 0.1, 0.0), keeps_shape=True)
    assert FrameFit.from_dict(json.loads(json.dumps(asdict(fit)))) == fit


@pytest.mark.parametrize(
    "crop", [(-0.1, 0, 0, 0), (0.5, 0, 0.5, 0), (0, 0.5, 0, 0.46), (0.1, 0.1), (float("nan"), 0, 0, 0)]
)
def test_a_crop_that_leaves_nothing_is_refused(crop):
    with pytest.raises(DrivesimError, match="crop: expected four shares"):
        FrameFit(crop)
