"""What a folder of episodes says of where it was recorded."""

import json

import pytest

from datasets.frame_source import NAME, source_of, write_source
from drivesim.errors import DrivesimError


def test_the_environment_is_that_of_the_folder_and_of_each_episode_in_it(tmp_path):
    (tmp_path / "episode-000001").mkdir()
    assert source_of(tmp_path) == ""
    write_source(tmp_path, "CarRacing-v3", {"driver": "expert", "seeds": [0, 3]})
    write_source(tmp_path, "CarRacing-v3", {"driver": "human"})
    assert source_of(tmp_path) == source_of(tmp_path / "episode-000001") == "CarRacing-v3"
    said = json.loads((tmp_path / NAME).read_text())
    assert [each["driver"] for each in said["recordings"]] == ["expert", "human"]


def test_another_environment_s_folder_is_refused_and_left_as_it_is(tmp_path):
    write_source(tmp_path, "CarRacing-v3", {})
    before = (tmp_path / NAME).read_text()
    with pytest.raises(DrivesimError, match="holds episodes of CarRacing-v3: record Other-v0 into another folder"):
        write_source(tmp_path, "Other-v0", {})
    assert (tmp_path / NAME).read_text() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"environment": 3}', "[" * 5000])
def test_a_damaged_file_says_nothing(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    assert source_of(tmp_path) == ""
