"""Pictures from strangers: what they declare, checked before they are decoded."""

import cv2
import numpy as np
import pytest

from datasets.formats.picture_files import PictureFiles, decode_picture, place_of, read_picture
from datasets.picture_size import declared_size
from drivesim.errors import DrivesimError
from tests.datasets.recordings import bomb, encoded, picture


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("size", [(24, 32), (1, 1), (120, 160), (5, 700)])
def test_a_declared_size_is_the_pictures(suffix, size):
    data = encoded(picture(0, size), suffix)
    assert declared_size(data) == size
    assert decode_picture(data).shape == (*size, 3)


def test_jpegs_of_other_kinds_and_with_other_segments_declare_theirs_too():
    frame = picture(3)[..., ::-1]
    progressive = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1]
    grey = cv2.imencode(".jpg", frame[..., 0])[1]
    for data in (progressive.tobytes(), grey.tobytes()):
        assert declared_size(data) == (24, 32)
        assert decode_picture(data).shape == (24, 32, 3)
    plain = encoded(picture(3))
    # A comment, an application's data and fill bytes stand before the frame.
    comment = b"\xff\xfe\x00\x06abcd" + b"\xff\xff" + b"\xff\xe1\x00\x08Exif\x00\x00"
    assert declared_size(plain[:2] + comment + plain[2:]) == (24, 32)


def test_colours_are_red_green_blue_and_png_is_exact():
    frame = picture(3)
    assert decode_picture(encoded(frame, ".png")).tobytes() == frame.tobytes()
    plain = np.full((24, 32, 3), (250, 200, 30), np.uint8)
    assert np.abs(decode_picture(encoded(plain)).astype(int) - plain).max() <= 3


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    for size in ((60_000, 60_000), (4097, 1), (0, 5)):
        with pytest.raises(ValueError, match="declares more than 4096 pixels a side, or none"):
            decode_picture(bomb(*size))


@pytest.mark.parametrize(
    "data", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b"\x89PNG\r\n\x1a\n\x00", b"BM" * 9]
)
def test_what_declares_nothing_is_no_picture(data):
    assert declared_size(data) is None
    with pytest.raises(ValueError, match="neither JPEG nor PNG"):
        decode_picture(data)


def test_names_stay_in_their_folder(tmp_path):
    assert place_of(tmp_path, "1.jpg") == tmp_path / "1.jpg"
    for name in ("..", ".", "../1.jpg", "/etc/passwd", "a\\b.jpg", "C:1.jpg", "a\0b"):
        with pytest.raises(ValueError, match="leads out of the folder"):
            place_of(tmp_path, name)
    for name in ("", "  ", None, 7):
        with pytest.raises(ValueError, match="it names no picture"):
            place_of(tmp_path, name)
    (tmp_path / "inside.jpg").write_bytes(b"")
    (tmp_path / "link.jpg").symlink_to("inside.jpg")
    assert place_of(tmp_path, "link.jpg") == tmp_path / "link.jpg"


def test_a_picture_that_changes_after_it_was_read_is_named(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(encoded(picture(1)))
    pictures = PictureFiles([path])
    assert pictures.read([0])[0].tobytes() == read_picture(path).tobytes()
    path.write_bytes(b"")
    with pytest.raises(DrivesimError, match=r"1\.jpg: the picture is empty \(0 bytes\); it was whole a while ago"):
        pictures.read([0])
