"""Warp: many small affine warps at once, compiled when first used.

OpenCV's `warpAffine` costs 20 us a 96 x 96 frame, and some 5 us more of Python, of its interpreter lock and of dropping
the alpha channel. This kernel takes 15 us for all of it and holds no lock, so that threads scale. Numba alone does not
find the vector instructions for it: the arithmetic of one pixel is therefore given to LLVM as operations on vectors of
eight 16-bit numbers, which every processor of the last fifteen years has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from drivesim.geometry import Floats

# Texture coordinates are fixed-point numbers with this many bits behind the point; the first eight weigh neighbours.
_FRACTION_BITS = 24

_BYTE, _SHORT, _LONG = ir.IntType(8), ir.IntType(16), ir.IntType(64)
_BYTES_4, _BYTES_8, _SHORTS_8 = ir.VectorType(_BYTE, 4), ir.VectorType(_BYTE, 8), ir.VectorType(_SHORT, 8)


def _weights() -> tuple[np.ndarray, np.ndarray]:
    """Weights by the fraction's 8 bits: uint16 (256, 8) of the left and right pixel, (256, 2, 8) of both rows."""
    after = np.arange(256, dtype=np.uint16)[:, None]
    columns = np.concatenate([np.repeat(256 - after, 4, axis=1), np.repeat(after, 4, axis=1)], axis=1)
    rows = np.stack([np.repeat(256 - after, 8, axis=1), np.repeat(after, 8, axis=1)], axis=1)
    return columns, rows


_COLUMN_WEIGHTS, _ROW_WEIGHTS = _weights()


@intrinsic
def _blend_pixel(_: Any, above: Any, below: Any, columns: Any, rows: Any, out: Any = None) -> Any:
    """Mix 2 x 2 RGBA pixels into one; every argument is an address.

    Args:
        _: Numba's typing context.
        above: Of two neighbouring pixels, 8 bytes.
        below: Of the two pixels under them.
        columns: Of a row of `_COLUMN_WEIGHTS`.
        rows: Of a pair of rows of `_ROW_WEIGHTS`.
        out: Where 4 bytes go.
    """

    def generate(context: Any, builder: Any, _: Any, addresses: Any) -> Any:
        above, below, columns, rows, out = addresses

        def load(address: Any, kind: Any) -> Any:
            value = builder.load(builder.inttoptr(address, kind.as_pointer()))
            value.align = 1
            return value

        def scaled_down(value: Any) -> Any:
            """Divide sums of weight 256 by 256, rounding; they stay below 2^16."""
            half, eight = (ir.Constant(_SHORTS_8, [ir.Constant(_SHORT, number)] * 8) for number in (128, 8))
            return builder.lshr(builder.add(value, half), eight)

        upper = builder.zext(load(above, _BYTES_8), _SHORTS_8)
        lower = builder.zext(load(below, _BYTES_8), _SHORTS_8)
        lower_weights = load(builder.add(rows, ir.Constant(_LONG, 16)), _SHORTS_8)
        mixed = builder.add(builder.mul(upper, load(rows, _SHORTS_8)), builder.mul(lower, lower_weights))
        mixed = builder.mul(scaled_down(mixed), load(columns, _SHORTS_8))
        lanes = ir.VectorType(ir.IntType(32), 8)
        right_half = ir.Constant(lanes, [ir.Constant(ir.IntType(32), lane) for lane in (4, 5, 6, 7, 4, 5, 6, 7)])
        mixed = scaled_down(builder.add(mixed, builder.shuffle_vector(mixed, mixed, right_half)))
        left_half = ir.Constant(
            ir.VectorType(ir.IntType(32), 4), [ir.Constant(ir.IntType(32), lane) for lane in range(4)]
        )
        pixel = builder.trunc(builder.shuffle_vector(mixed, mixed, left_half), _BYTES_4)
        builder.store(pixel, builder.inttoptr(out, _BYTES_4.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.void(*[types.uint64] * 5), generate


@njit(
    "void(uint64[::1], uint64[::1], float64[:, :, ::1], uint8[:, :, :, ::1], uint16[:, ::1], uint16[:, :, ::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _warp(
    sources: np.ndarray,
    strides: np.ndarray,
    matrices: np.ndarray,
    frames: np.ndarray,
    column_weights: np.ndarray,
    row_weights: np.ndarray,
) -> None:
    count, height, width, _ = frames.shape
    columns, rows = np.uint64(column_weights.ctypes.data), np.uint64(row_weights.ctypes.data)
    last_pixel = np.zeros(4, np.uint8)
    one = 2.0**_FRACTION_BITS
    # Rounds to the 1/256 that weights are known for.
    half = np.int64(1 << (_FRACTION_BITS - 9))
    for n in range(count):
        matrix, source, stride = matrices[n], sources[n], strides[n]
        right, down = np.int64(matrix[0, 0] * one), np.int64(matrix[1, 0] * one)
        out = np.uint64(frames.ctypes.data) + np.uint64(n * height * width * 3)
        for row in range(height):
            x = np.int64((matrix[0, 1] * row + matrix[0, 2]) * one) + half
            y = np.int64((matrix[1, 1] * row + matrix[1, 2]) * one) + half
            for column in range(width):
                above = source + np.uint64(y >> 24) * stride + (np.uint64(x >> 24) << np.uint64(2))
                # A weight's row is 16 bytes, a pair of them 32.
                x_weight = columns + ((np.uint64(x) >> np.uint64(12)) & np.uint64(0xFF0))
                y_weight = rows + ((np.uint64(y) >> np.uint64(11)) & np.uint64(0x1FE0))
                if row == height - 1 and column == width - 1:
                    # A pixel's fourth byte is written over by the next pixel; behind the last there may be another's.
                    _blend_pixel(above, above + stride, x_weight, y_weight, np.uint64(last_pixel.ctypes.data))
                    for channel in range(3):
                        frames[n, row, column, channel] = last_pixel[channel]
                else:
                    _blend_pixel(above, above + stride, x_weight, y_weight, out)
                out += np.uint64(3)
                x += right
                y += down


def fits(shapes: Sequence[tuple[int, ...]], matrices: Floats, height: int, width: int) -> np.ndarray:
    """Tell which warps sample pixels of a texture alone, none beyond its border.

    Args:
        shapes: N times height and width of each texture.
        matrices: (N, 2, 3) float64, from `column row 1` of the frame to column and row of the texture.
        height: Of the frames.
        width: Of the frames.

    Returns:
        (N,) bool.
    """
    corners = np.array([[c, r, 1.0] for c in (0, width - 1) for r in (0, height - 1)]).T
    at = matrices @ corners
    # Beyond a corner's own pixel its right and lower neighbours are sampled too; a hundredth is for rounding.
    high = np.asarray(shapes)[:, ::-1, None] - 2.01
    return ((at >= 0.01) & (at <= high)).all(axis=(1, 2))


def warp_affine(textures: list[np.ndarray], matrices: Floats, frames: np.ndarray) -> None:
    """Sample textures bilinearly into frames.

    Args:
        textures: N arrays (h, w, 4) uint8 RGBA, C-contiguous.
        matrices: (N, 2, 3) float64, from `column row 1` of the frame to column and row of the texture. `fits` must
            hold: nothing is checked here.
        frames: (N, H, W, 3) uint8 RGB, C-contiguous: written to.
    """
    sources = np.array([texture.ctypes.data for texture in textures], np.uint64)
    strides = np.array([texture.strides[0] for texture in textures], np.uint64)
    _warp(sources, strides, np.ascontiguousarray(matrices), frames, _COLUMN_WEIGHTS, _ROW_WEIGHTS)
