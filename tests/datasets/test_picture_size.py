"""What a picture declares is read before it is decoded, in every format that a folder of pictures may hold."""

import struct

import cv2
import pytest

from datasets import image_folder
from datasets.image_folder import read_image_folder
from datasets.picture_size import declared_size, declared_size_of_any
from tests.datasets.images import write_set
from tests.datasets.recordings import bomb, encoded, picture

SIZES = [(24, 32), (1, 1), (120, 160), (5, 700)]


def tiff(height, width, order, kind):
    """The head of a TIFF, of which OpenCV writes only one kind."""
    letter, code = {"short": ("H", 3), "long": ("I", 4)}[kind]
    entries = [(254, 4, 1, struct.pack(order + "I", 0))]
    entries += [(256, code, 1, struct.pack(order + letter, width)), (257, code, 1, struct.pack(order + letter, height))]
    body = struct.pack(order + "H", len(entries))
    for tag, code, count, value in entries:
        body += struct.pack(order + "HHI", tag, code, count) + value.ljust(4, b"\0")
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + body


@pytest.mark.parametrize("suffix", image_folder.SUFFIXES)
@pytest.mark.parametrize("size", SIZES)
def test_every_format_that_is_read_declares_its_size(suffix, size):
    frame = picture(0, size)
    frame = frame[..., 0] if suffix == ".pgm" else frame
    data = cv2.imencode(suffix, frame)[1].tobytes()
    assert declared_size_of_any(data) == size
    assert (declared_size(data) == size) is (suffix in (".png", ".jpg", ".jpeg"))


@pytest.mark.parametrize("quality", [50, 101])  # with losses, and without
def test_webp_of_both_kinds_declares_its_size(quality):
    data = cv2.imencode(".webp", picture(0, (24, 32)), [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
    assert declared_size_of_any(data) == (24, 32)
    # The head of one with transparency or several pictures.
    extended = b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + (31).to_bytes(3, "little") + (23).to_bytes(3, "little")
    assert declared_size_of_any(extended) == (24, 32)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["short", "long"])
def test_tiff_of_either_byte_order_declares_its_size(order, kind):
    assert declared_size_of_any(tiff(24, 32, order, kind)) == (24, 32)


def test_pixmaps_may_have_comments_and_bitmaps_may_stand_on_their_head():
    assert declared_size_of_any(b"P6\n# by a camera\n32 # wide\n24\n255\n") == (24, 32)
    head = bytearray(cv2.imencode(".bmp", picture())[1].tobytes())
    head[22:26] = struct.pack("<i", -24)
    assert declared_size_of_any(bytes(head)) == (24, 32)


@pytest.mark.parametrize("whole", [encoded(picture(), s) for s in (".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm")])
def test_a_head_that_is_cut_off_declares_its_size_or_none(whole):
    for length in range(64):
        assert declared_size_of_any(whole[:length]) in (None, (24, 32), (24, 3), (2, 32))


def test_pictures_that_declare_too_much_are_left_out_before_they_are_decoded(tmp_path, monkeypatch):
    write_set(tmp_path)
    bombs = {
        "bomb.png": bomb(),
        "bomb.ppm": b"P6 60000 60000 255\n",
        "bomb.tif": tiff(60_000, 60_000, "<", "long"),
        "none.jpg": b"\xff\xd8",
        "empty.bmp": b"",
    }
    for name, data in bombs.items():
        (tmp_path / "train" / "red" / name).write_bytes(data)
    decode, sizes = cv2.imdecode, []
    monkeypatch.setattr("cv2.imdecode", lambda data, how: sizes.append(len(data)) or decode(data, how))
    read = read_image_folder(tmp_path, 8, seed=0)
    assert len(sizes) == 20
    assert len(read.train) + len(read.val) == 20
    assert "5 pictures that can't be read are left out" in read.lost[0]
