"""Warp: many small affine warps at once, compiled when first used.

OpenCV's `warpAffine` costs 20 us a 96 x 96 frame, and some 5 us more of Python, of its interpreter lock and of dropping
the alpha channel. This kernel does all of it in 14 us and holds no lock, so that threads scale. Numba alone does not
find the vector instructions for it: the arithmetic of four pixels at a time is therefore given to LLVM as operations on
vectors, which it turns into what the processor has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from drivesim.geometry import Floats

# Texture coordinates are 32-bit fixed-point numbers with this many bits behind the point, which leaves room for
# `MAX_TEXTURE` pixels before it; the first eight behind the point weigh neighbours.
_FRACTION_BITS = 18
MAX_TEXTURE = 8000

_BYTE, _SHORT, _INT, _LONG = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_BYTES_16, _SHORTS_4, _SHORTS_16 = ir.VectorType(_BYTE, 16), ir.VectorType(_SHORT, 4), ir.VectorType(_SHORT, 16)
_INTS_8, _LONGS_4 = ir.VectorType(_INT, 8), ir.VectorType(_LONG, 4)


def _lanes(numbers: Sequence[int], kind: ir.Type = _INT) -> ir.Constant:
    return ir.Constant(ir.VectorType(kind, len(numbers)), [ir.Constant(kind, number) for number in numbers])


@intrinsic
def _blend_four(_: Any, source: Any, stride: Any, offsets: Any, right: Any, down: Any, out: Any = None) -> Any:
    """Mix 2 x 2 RGBA pixels into one RGB pixel, four times; every argument but the stride is an address.

    Args:
        _: Numba's typing context.
        source: Of the texture.
        stride: Bytes from a row of the texture to the next.
        offsets: Of four int32: bytes from the texture's start to the upper left pixel.
        right: Of four uint16: the weight of the right neighbours, of 256.
        down: Of four uint16: the weight of the lower neighbours.
        out: Where 16 bytes go: 12 of pixels, and 4 that mean nothing.
    """

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        source, stride, offsets, right, down, out = arguments
        eight, half = _lanes([8] * 16, _SHORT), _lanes([128] * 16, _SHORT)

        def load(address: Any, kind: Any) -> Any:
            value = builder.load(builder.inttoptr(address, kind.as_pointer()))
            value.align = 1
            return value

        def pairs(base: Any) -> Any:
            """Load four times two neighbouring pixels: in each lane red and green, or blue and alpha, of one."""
            loaded = ir.Constant(_LONGS_4, ir.Undefined)
            for pixel in range(4):
                at = load(builder.add(offsets, ir.Constant(_LONG, 4 * pixel)), _INT)
                pair = load(builder.add(base, builder.zext(at, _LONG)), _LONG)
                loaded = builder.insert_element(loaded, pair, ir.Constant(_INT, pixel))
            return builder.bitcast(loaded, _SHORTS_16)

        def weights(address: Any) -> Any:
            four = load(address, _SHORTS_4)
            return builder.shuffle_vector(four, four, _lanes([pixel for pixel in range(4) for _ in range(4)]))

        def mix(first: Any, second: Any, weight: Any) -> Any:
            """(256 - weight) * first + weight * second, divided by 256 and rounded; right modulo 2^16, so right."""
            moved = builder.mul(builder.sub(second, first), weight)
            return builder.lshr(builder.add(builder.add(builder.shl(first, eight), moved), half), eight)

        upper, lower = pairs(source), pairs(builder.add(source, stride))
        low_byte, below, beside = _lanes([255] * 16, _SHORT), weights(down), weights(right)
        red_blue = mix(builder.and_(upper, low_byte), builder.and_(lower, low_byte), below)
        green_alpha = mix(builder.lshr(upper, eight), builder.lshr(lower, eight), below)
        red_blue, green_alpha = (builder.bitcast(value, _INTS_8) for value in (red_blue, green_alpha))
        # A lane of 32 bits holds two colours of one pixel, every second one of the right neighbour.
        left_pixels = builder.shuffle_vector(red_blue, green_alpha, _lanes([0, 8, 2, 10, 4, 12, 6, 14]))
        right_pixels = builder.shuffle_vector(red_blue, green_alpha, _lanes([1, 9, 3, 11, 5, 13, 7, 15]))
        left_pixels, right_pixels = (builder.bitcast(value, _SHORTS_16) for value in (left_pixels, right_pixels))
        mixed = mix(left_pixels, right_pixels, beside)
        colors = builder.trunc(mixed, _BYTES_16)
        # From red, blue, green, alpha of each pixel to red, green, blue.
        rgb = builder.shuffle_vector(colors, colors, _lanes([0, 2, 1, 4, 6, 5, 8, 10, 9, 12, 14, 13, 3, 7, 11, 15]))
        builder.store(rgb, builder.inttoptr(out, _BYTES_16.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.void(*[types.uint64] * 6), generate


@intrinsic
def _prefetch(_: Any, address: Any = None) -> Any:
    """Ask for the cache line at an address."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        pointer = _BYTE.as_pointer()
        name, kind = "llvm.prefetch.p0", ir.FunctionType(ir.VoidType(), [pointer, _INT, _INT, _INT])
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        read, second_level_cache, data = (ir.Constant(_INT, number) for number in (0, 2, 1))
        builder.call(function, [builder.inttoptr(arguments[0], pointer), read, second_level_cache, data])
        return context.get_dummy_value()

    return types.void(types.uint64), generate


_compiled = njit(nogil=True, cache=True, error_model="numpy")


@_compiled
def _follow_row(
    start: tuple[np.int32, np.int32],
    step: tuple[np.int32, np.int32],
    stride: np.int32,
    columns: np.ndarray,
    offsets: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
) -> None:
    """Find where the pixels of a row lie in the texture; apart from the rest, LLVM makes vectors of it."""
    for i in range(len(columns)):
        at_x, at_y = np.int32(start[0] + step[0] * columns[i]), np.int32(start[1] + step[1] * columns[i])
        offsets[i] = (at_y >> _FRACTION_BITS) * stride + ((at_x >> _FRACTION_BITS) << 2)
        right[i] = (at_x >> (_FRACTION_BITS - 8)) & 255
        down[i] = (at_y >> (_FRACTION_BITS - 8)) & 255


@_compiled
def _window(matrix: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    """The part of a texture that a frame is warped from: left, top, cache lines of 16 pixels to a row, rows."""
    (xx, xy, x0), (yx, yy, y0) = matrix
    left = x0 + min(xx * (width - 1), 0.0) + min(xy * (height - 1), 0.0)
    top = y0 + min(yx * (width - 1), 0.0) + min(yy * (height - 1), 0.0)
    extent_x = abs(xx) * (width - 1) + abs(xy) * (height - 1)
    extent_y = abs(yx) * (width - 1) + abs(yy) * (height - 1)
    return int(left), int(top), int(extent_x) // 16 + 2, int(extent_y) + 2


@njit(
    "void(int64[:, ::1], float64[:, :, ::1], uint8[:, :, :, ::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _warp(sources: np.ndarray, matrices: np.ndarray, frames: np.ndarray) -> None:
    count, height, width, _ = frames.shape
    fours = (width + 3) // 4
    # Beyond the frame's edge its last column is sampled again.
    columns = np.minimum(np.arange(4 * fours), width - 1).astype(np.int32)
    offsets = np.empty(4 * fours, np.int32)
    right, down = np.empty(4 * fours, np.uint16), np.empty(4 * fours, np.uint16)
    # A row is written a little beyond its end, into the next one, which comes later; the last has nothing behind it.
    last_row = np.empty(12 * fours + 4, np.uint8)
    one = 2.0**_FRACTION_BITS
    # Rounds to the 1/256 that weights are known for.
    half = np.int32(1 << (_FRACTION_BITS - 9))
    for n in range(count):
        matrix, source, stride = matrices[n], np.uint64(sources[n, 0]), np.int32(sources[n, 1])
        step = (np.int32(round(matrix[0, 0] * one)), np.int32(round(matrix[1, 0] * one)))
        next_line, line_bytes, lines, rows = np.uint64(0), np.uint64(0), 0, 0
        if n + 1 < count:
            left, top, lines, rows = _window(matrices[n + 1], height, width)
            line_bytes = np.uint64(sources[n + 1, 1])
            next_line = np.uint64(sources[n + 1, 0]) + np.uint64(top) * line_bytes + np.uint64(4 * left)
        asked = 0
        for row in range(height):
            x = np.int32((matrix[0, 1] * row + matrix[0, 2]) * one) + half
            y = np.int32((matrix[1, 1] * row + matrix[1, 2]) * one) + half
            _follow_row((x, y), step, stride, columns, offsets, right, down)
            out = np.uint64(last_row.ctypes.data)
            if row < height - 1:
                out = np.uint64(frames.ctypes.data) + np.uint64((n * height + row) * width * 3)
            for four in range(fours):
                pixel = np.uint64(4 * four)
                _blend_four(
                    source,
                    np.uint64(stride),
                    np.uint64(offsets.ctypes.data) + np.uint64(4) * pixel,
                    np.uint64(right.ctypes.data) + np.uint64(2) * pixel,
                    np.uint64(down.ctypes.data) + np.uint64(2) * pixel,
                    out + np.uint64(3) * pixel,
                )
            # The next frame's ground comes into the cache meanwhile: by then its rows are waited for no more.
            while asked < rows * (row + 1) // height:
                for line in range(lines):
                    _prefetch(next_line + np.uint64(64 * line))
                next_line += line_bytes
                asked += 1
        for column in range(width):
            for channel in range(3):
                frames[n, height - 1, column, channel] = last_row[3 * column + channel]


# Where a texture lies: address of its first pixel, bytes from row to row, height, width.
Source = tuple[int, int, int, int]


def source_of(texture: np.ndarray) -> Source:
    """Return where a texture (h, w, 4) uint8 RGBA lies; C-contiguous, and alive as long as it is warped from."""
    height, width, _ = texture.shape
    return texture.ctypes.data, texture.strides[0], height, width


def fits(sources: np.ndarray, matrices: Floats, height: int, width: int) -> np.ndarray:
    """Tell which warps sample pixels of a texture alone, none beyond its border.

    Args:
        sources: (N, 4) int64, a `Source` each.
        matrices: (N, 2, 3) float64, from `column row 1` of the frame to column and row of the texture.
        height: Of the frames.
        width: Of the frames.

    Returns:
        (N,) bool.
    """
    corners = np.array([[c, r, 1.0] for c in (0, width - 1) for r in (0, height - 1)]).T
    at = matrices @ corners
    # Beyond a corner's own pixel its right and lower neighbours are sampled too; a hundredth is for rounding.
    high = np.minimum(sources[:, :1:-1, None], MAX_TEXTURE) - 2.01
    return ((at >= 0.01) & (at <= high)).all(axis=(1, 2))


def warp_affine(sources: np.ndarray, matrices: Floats, frames: np.ndarray) -> None:
    """Sample textures bilinearly into frames.

    Args:
        sources: (N, 4) int64, a `Source` each.
        matrices: (N, 2, 3) float64, from `column row 1` of the frame to column and row of the texture. `fits` must
            hold: nothing is checked here.
        frames: (N, H, W, 3) uint8 RGB, C-contiguous: written to.
    """
    _warp(sources, np.ascontiguousarray(matrices), frames)
