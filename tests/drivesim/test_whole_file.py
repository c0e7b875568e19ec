"""A file is whole, or it is what it was."""

import pytest

from drivesim.whole_file import whole_file, whole_folder


@pytest.mark.parametrize("durable", [False, True])
def test_what_was_written_takes_its_place(tmp_path, durable):
    path = tmp_path / "a.json"
    path.write_text("before")
    with whole_file(path, durable) as part:
        part.write_text("after")
        assert path.read_text() == "before", "whoever reads meanwhile reads the one before"
        assert part.parent == path.parent
    assert path.read_text() == "after"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_nothing_is_left_of_one_that_failed(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(OSError, match="full"), whole_file(path) as part:
        part.write_text("half")
        raise OSError("full")
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "b.json"):
        pass
    assert not (tmp_path / "b.json").exists()


def test_a_folder_is_there_when_it_is_whole_and_not_before(tmp_path):
    place = tmp_path / "deep" / "out"
    with whole_folder(place) as aside:
        (aside / "a.txt").write_text("a")
        assert not place.exists()
    assert [path.name for path in place.iterdir()] == ["a.txt"]
    assert [path.name for path in place.parent.iterdir()] == ["out"]


def test_of_a_folder_that_breaks_off_nothing_is_left_and_an_older_remainder_is_swept(tmp_path):
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "old.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "out") as aside:
        assert not [*aside.iterdir()]
        raise KeyboardInterrupt
    assert not [*tmp_path.iterdir()]
