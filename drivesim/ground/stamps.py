"""Stamps: small pictures laid into a large one, many at once, compiled when first used."""

import numpy as np
from numba import njit

Image = np.ndarray


@njit("void(uint8[:, :, ::1], uint8[:, :, :, ::1], int64[:, ::1])", nogil=True, cache=True, error_model="numpy")
def lay_stamps(image: Image, stamps: Image, places: np.ndarray) -> None:
    """Lay stamps over an image, clipped at its borders.

    Args:
        image: (H, W, 4) uint8 RGBA; its alpha stays.
        stamps: (K, S, S, 4) uint8 RGBA, not multiplied by alpha.
        places: (N, 3) int64: which stamp, and row and column of its upper left pixel.
    """
    height, width, _ = image.shape
    side = stamps.shape[1]
    for n in range(len(places)):
        kind, top, left = places[n]
        for row in range(max(0, -top), min(side, height - top)):
            for column in range(max(0, -left), min(side, width - left)):
                alpha = np.int32(stamps[kind, row, column, 3])
                if alpha:
                    for channel in range(3):
                        under = np.int32(image[top + row, left + column, channel])
                        over = np.int32(stamps[kind, row, column, channel])
                        image[top + row, left + column, channel] = under + ((over - under) * alpha + 127) // 255


@njit("void(uint8[:, ::1], uint8[:, :, :, ::1], int64[:, ::1])", nogil=True, cache=True, error_model="numpy")
def cast_stamps(mask: Image, stamps: Image, places: np.ndarray) -> None:
    """Raise a mask to the stamps' alpha, where that is more; arguments as of `lay_stamps`, mask (H, W) uint8."""
    height, width = mask.shape
    side = stamps.shape[1]
    for n in range(len(places)):
        kind, top, left = places[n]
        for row in range(max(0, -top), min(side, height - top)):
            for column in range(max(0, -left), min(side, width - left)):
                under = mask[top + row, left + column]
                mask[top + row, left + column] = max(under, stamps[kind, row, column, 3])


def shade(image: Image, mask: Image, strength: np.ndarray) -> None:
    """Darken an image where a mask says so.

    Args:
        image: (H, W, 4) uint8 RGBA; W is a multiple of 4.
        mask: (H, W) uint8.
        strength: (3,) int64, what a mask of 255 takes from red, green and blue, of 255.
    """
    # In sixteen bits, where 65,536 is all of a colour.
    _shade(image.reshape(-1, 4), mask.ravel(), _fours(mask), strength)


def lay_masked(image: Image, mask: Image, tile: Image, top: int, left: int) -> None:
    """Mix an image with a tile that repeats, by a mask.

    Args:
        image: (H, W, 4) uint8 RGBA; its alpha stays; W is a multiple of 4.
        mask: (H, W) uint8, the tile's shares, of 255.
        tile: (h, w, 4) uint8 RGBA.
        top: Row of the tile that lies on the image's first row.
        left: Column of the tile that lies on the image's first column.
    """
    _lay_masked(image, mask, _fours(mask), tile, top, left)


def _fours(mask: Image) -> np.ndarray:
    """Where four pixels in a row are not all zero: the first one of each such four, counted through the rows."""
    return 4 * np.flatnonzero(mask.view(np.uint32))


@njit("void(uint8[:, ::1], uint8[::1], int64[::1], int64[::1])", nogil=True, cache=True, error_model="numpy")
def _shade(image: Image, mask: Image, fours: np.ndarray, strength: np.ndarray) -> None:
    for four in fours:
        for pixel in range(four, four + 4):
            for channel in range(3):
                left = np.int32(65536 - strength[channel] * np.int64(mask[pixel]))
                image[pixel, channel] = (np.int32(image[pixel, channel]) * left + 32768) >> 16


@njit(
    "void(uint8[:, :, ::1], uint8[:, ::1], int64[::1], uint8[:, :, ::1], int64, int64)",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _lay_masked(image: Image, mask: Image, fours: np.ndarray, tile: Image, top: int, left: int) -> None:
    rows, columns, _ = tile.shape
    width = image.shape[1]
    for four in fours:
        row = four // width
        for column in range(four - row * width, four - row * width + 4):
            share = np.int32(mask[row, column])
            for channel in range(3):
                under = np.int32(image[row, column, channel])
                over = np.int32(tile[(row + top) % rows, (column + left) % columns, channel])
                image[row, column, channel] = under + ((over - under) * share + 127) // 255
