"""Picture size: the height and width that a picture's file declares, read from its first bytes.

A decoder believes a header: a few bytes that declare 60,000 x 60,000 pixels ask it for ten gigabytes. So nothing from a
stranger is decoded before its size is known.
"""

import re
import struct
from collections.abc import Callable

PNG = b"\x89PNG\r\n\x1a\n"

# Start-of-frame markers of JPEG; 0xC4, 0xC8 and 0xCC are other things.
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

# A portable pixmap's numbers may have comments between them.
_PNM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})")

# Tags of TIFF, and the types that a size has: 16 and 32 bits.
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_TYPES = {3: "H", 4: "I"}

Size = tuple[int, int]


def declared_size(data: bytes) -> Size | None:
    """Return the height and width that a JPEG or PNG declares; None for other data."""
    return _of(data, (_png, _jpeg))


def declared_size_of_any(data: bytes) -> Size | None:
    """Return what `declared_size` does, of a BMP, WebP, TIFF or portable pixmap, too."""
    return _of(data, (_png, _jpeg, _bmp, _webp, _pnm, _tiff))


def has_whole_chunks(data: bytes) -> bool:
    """Whether the parts of a PNG end where it ends; true of other data.

    A decoder asks for the memory of a part before it reads it: four bytes can ask for four gigabytes.
    """
    if not data.startswith(PNG):
        return True
    at = len(PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length
        if kind == b"IEND":
            return at <= len(data)
    return False


def _of(data: bytes, readers: tuple[Callable[[bytes], Size | None], ...]) -> Size | None:
    for read in readers:
        try:
            size = read(data)
        except struct.error:  # cut off
            return None
        if size is not None:
            return size
    return None


def _png(data: bytes) -> Size | None:
    if not data.startswith(PNG) or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def _jpeg(data: bytes) -> Size | None:
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return height, width
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # without a length
            at += 2
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def _bmp(data: bytes) -> Size | None:
    if not data.startswith(b"BM"):
        return None
    if struct.unpack("<I", data[14:18])[0] == 12:  # of OS/2
        width, height = struct.unpack("<HH", data[18:22])
    else:
        width, height = struct.unpack("<ii", data[18:26])
    return abs(height), abs(width)  # negative where the first row is the top one


def _webp(data: bytes) -> Size | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[27:30], "little"), 1 + int.from_bytes(data[24:27], "little")
    if kind == b"VP8L":
        bits = struct.unpack("<I", data[21:25])[0]
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return height & 0x3FFF, width & 0x3FFF


def _pnm(data: bytes) -> Size | None:
    match = _PNM.match(data[:4096])
    return (int(match[2]), int(match[1])) if match else None


def _tiff(data: bytes) -> Size | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    at = struct.unpack(order + "I", data[4:8])[0]
    found = {}
    for entry in range(struct.unpack(order + "H", data[at : at + 2])[0]):
        start = at + 2 + 12 * entry
        tag, kind = struct.unpack(order + "HH", data[start : start + 4])
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT) and kind in _TIFF_TYPES:
            length = struct.calcsize(_TIFF_TYPES[kind])
            found[tag] = struct.unpack(order + _TIFF_TYPES[kind], data[start + 8 : start + 8 + length])[0]
    return (found[_TIFF_HEIGHT], found[_TIFF_WIDTH]) if len(found) == 2 else None
