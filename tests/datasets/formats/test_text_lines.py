"""Lines and JSON from strangers."""

import math
import os

import pytest

from datasets.formats.text_lines import json_of, lines_of, number_of, object_of, optional_number, text_of


def test_lines_end_as_they_may_and_long_ones_are_skipped_whole(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"one\r\n\n" + b"x" * 3_000_000 + b"\ntwo\n" + b"y" * 10 + b"\nlast")
    assert [*lines_of(path, 8)] == [b"one", b"", None, b"two", None, b"last"]
    path.write_bytes(b"12345678\n123456789")
    assert [*lines_of(path, 8)] == [b"12345678", None]


def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("pipe", "no plain file"), ("nothing", "missing"), (".", "no plain file")):
        with pytest.raises(ValueError, match=why):
            [*lines_of(tmp_path / name)]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"9" * 5000, b"[" * 100_000, b"{'a': 1}"])
def test_what_is_no_json_says_so(data):
    with pytest.raises(ValueError, match=r"^it is no JSON$"):
        json_of(data)


def test_objects_alone_are_records():
    assert object_of(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    for data, why in ((b"[1]", "no JSON object"), (None, "more than 65,536 bytes"), (b"[" * 300, "nested too deep")):
        with pytest.raises(ValueError, match=why):
            object_of(data)


def test_numbers_are_in_their_range():
    record = {"a": 1, "b": 0.5, "c": True, "d": "1", "e": float("nan"), "f": 10**400, "g": None}
    assert (number_of(record, "a", -1, 1), number_of(record, "b", -1, 1)) == (1.0, 0.5)
    assert math.isnan(optional_number(record, "g", -1, 1)) and math.isnan(optional_number(record, "h", -1, 1))
    for name in "cdefgh":
        with pytest.raises(ValueError, match=f"{name}"):
            number_of(record, name, -1, 1)


def test_text_is_utf_8_or_latin_1():
    assert text_of("Jürgen".encode()) == ("Jürgen", True)
    assert text_of("Jürgen".encode("latin-1")) == ("Jürgen", False)
    assert text_of(b"\xef\xbb\xbfcenter") == ("center", True)
