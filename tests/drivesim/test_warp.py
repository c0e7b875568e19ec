import cv2
import numpy as np
import pytest

from drivesim.warp import fits, source_of, warp_affine


def turned(angle: float, x: float, y: float, size: int) -> np.ndarray:
    """Return the matrix (2, 3) that turns a square frame by `angle` about the texture's point `x y`."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin, x], [sin, cos, y]])
    matrix[:, 2] -= matrix[:, :2] @ np.full(2, (size - 1) / 2)
    return matrix


@pytest.fixture
def texture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (150, 170, 4), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.0)


def warp(textures: list[np.ndarray], matrices: np.ndarray, frames: np.ndarray) -> None:
    warp_affine(np.array([source_of(texture) for texture in textures]), matrices, frames)


def reference(texture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    column, row = np.meshgrid(np.arange(size), np.arange(size))
    x, y = np.einsum("ij,jrc->irc", matrix, np.stack([column, row, np.ones_like(row)]))
    left, above = np.floor(x).astype(int), np.floor(y).astype(int)
    a, b = (x - left)[..., None], (y - above)[..., None]
    pixel = texture[..., :3].astype(float)
    upper = pixel[above, left] * (1 - a) + pixel[above, left + 1] * a
    lower = pixel[above + 1, left] * (1 - a) + pixel[above + 1, left + 1] * a
    return upper * (1 - b) + lower * b


@pytest.mark.parametrize("size", [1, 2, 61, 64])
def test_frames_are_bilinear_samples_to_a_grey_level(texture, size):
    angles = np.linspace(0, 6, 12)
    matrices = np.stack([turned(angle, 80.3 + angle, 75.7 - angle, size) for angle in angles])
    frames = np.zeros((12, size, size, 3), np.uint8)
    warp([texture] * 12, matrices, frames)
    for frame, matrix in zip(frames, matrices, strict=True):
        assert np.abs(frame - reference(texture, matrix, size)).max() < 1.6


def test_whole_pixels_come_back_unchanged(texture):
    frames = np.zeros((1, 40, 50, 3), np.uint8)
    warp([texture], np.array([[[1.0, 0, 7], [0, 1, 9]]]), frames)
    np.testing.assert_array_equal(frames[0], texture[9:49, 7:57, :3])


def test_nothing_is_written_behind_the_last_frame(texture):
    memory = np.full((3, 20, 20, 3), 77, np.uint8)
    warp([texture], turned(0.3, 60, 60, 20)[None], memory[1:2])
    assert (memory[0] == 77).all()
    assert (memory[2] == 77).all()


def test_black_and_white_stay_what_they_are():
    for value in (0, 255):
        plain = np.full((60, 60, 4), value, np.uint8)
        frames = np.full((1, 20, 20, 3), 100, np.uint8)
        warp([plain], turned(0.7, 30.3, 29.9, 20)[None], frames)
        assert (frames == value).all()


def test_frames_come_from_textures_of_different_sizes(texture):
    other = np.ascontiguousarray(texture[:90, :100])
    matrices = np.stack([turned(0.4, 50, 45, 30)] * 2)
    frames = np.zeros((2, 30, 30, 3), np.uint8)
    warp([texture, other], matrices, frames)
    np.testing.assert_array_equal(frames[0], frames[1])


def test_a_warp_fits_as_long_as_it_and_its_neighbours_lie_on_the_texture():
    def fits_at(x: float, y: float) -> bool:
        return bool(fits(np.array([(0, 320, 50, 80)]), np.array([[[1.0, 0, x], [0, 1, y]]]), 10, 20)[0])

    assert fits_at(1, 1)
    assert fits_at(58, 38)
    assert not fits_at(-1, 1)
    assert not fits_at(1, -1)
    assert not fits_at(60, 1)
    assert not fits_at(1, 40)
