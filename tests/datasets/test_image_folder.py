"""Pictures in one folder a class: what is read, divided, left out and refused."""

import cv2
import numpy as np
import pytest

from datasets import image_folder
from datasets.image_folder import read_image_folder
from drivesim.errors import DrivesimError
from tests.datasets.images import write_picture, write_set


def test_pictures_have_their_folders_class_and_their_own_colours(tmp_path):
    for part, count in (("train", 10), ("val", 3), ("test", 2)):
        write_set(tmp_path / "toys", part, count)
    sets = read_image_folder(tmp_path / "toys", 16, 0, threads=2)
    assert sets.name == "toys"
    assert [len(part) for part in (sets.train, sets.val, sets.test)] == [20, 6, 4]
    for part in (sets.train, sets.val, sets.test):
        assert part.classes == ("blue", "red")
        assert part.images.shape[1:] == (16, 16, 3)
        np.testing.assert_array_equal(part.images[:, 5, 5], np.array([(0, 0, 250), (250, 0, 0)])[part.labels])


def test_without_val_some_of_train_choose_and_the_seed_says_which(tmp_path):
    write_set(tmp_path)
    for i in range(10):
        write_picture(tmp_path / "train" / "red" / f"{i}.png", (200, i, 0))

    def chosen(seed):
        val = read_image_folder(tmp_path, 8, seed, val_share=0.3).val
        return val.images[val.labels == 1][:, 0, 0, 1].tolist()

    assert len(chosen(0)) == 3
    assert chosen(0) == chosen(0)
    assert any(chosen(0) != chosen(seed) for seed in range(1, 5))


def test_folders_of_classes_without_train_are_learned_from(tmp_path):
    write_set(tmp_path, ".")
    sets = read_image_folder(tmp_path, 8, 0)
    assert (len(sets.train), len(sets.val), sets.test) == (18, 2, None)


def test_of_a_wide_or_high_picture_the_middle_is_seen(tmp_path):
    write_set(tmp_path)
    wide = np.zeros((8, 40, 3), np.uint8)
    wide[:, 16:24] = 255
    for name, image in (("wide", wide), ("high", wide.transpose(1, 0, 2))):
        cv2.imwrite(str(tmp_path / "train" / "red" / f"{name}.png"), image)
    images = read_image_folder(tmp_path, 8, 0, val_share=0.01).train.images
    assert (images == 255).all(axis=(1, 2, 3)).sum() >= 1


def test_pictures_that_cannot_be_read_are_counted_named_and_left_out(tmp_path):
    write_set(tmp_path)
    place = tmp_path / "train" / "red"
    (place / "empty.png").write_bytes(b"")
    (place / "text.jpg").write_text("no picture")
    (place / "._1.png").write_bytes(b"left by macOS")
    (place / "notes.txt").write_text("mine")
    sets = read_image_folder(tmp_path, 8, 0)
    assert len(sets.train) + len(sets.val) == 20
    (sentence,) = sets.lost
    assert sentence == "2 pictures that can't be read are left out: train/red/empty.png, train/red/text.jpg."


def test_a_class_of_which_nothing_can_be_read_is_refused(tmp_path):
    write_set(tmp_path)
    for path in (tmp_path / "train" / "red").iterdir():
        path.write_bytes(b"\x89PNG")
    with pytest.raises(DrivesimError) as caught:
        read_image_folder(tmp_path, 8, 0)
    message = str(caught.value)
    assert "no picture can be read of class red of train. 10 pictures that can't be read are left out" in message
    assert "train/red/4.png and 5 more." in message


def test_faults_are_named_all_at_once(tmp_path):
    write_set(tmp_path)
    write_set(tmp_path, "test", 2, ["green", "red"])
    (tmp_path / "train" / "grey").mkdir()
    with pytest.raises(DrivesimError) as caught:
        read_image_folder(tmp_path, 8, 0)
    message = str(caught.value)
    assert "there is no picture in train/grey" in message
    assert "train has no class for test/green" in message
    assert message.endswith("Expected pictures in FOLDER/train/CLASS, and in FOLDER/val and FOLDER/test likewise where "
                            "there are such.")  # fmt: skip


@pytest.mark.parametrize(("classes", "words"), [(["red"], "1 class to learn"), ([], "0 classes to learn")])
def test_fewer_than_two_classes_are_refused(tmp_path, classes, words):
    (tmp_path / "train").mkdir()
    write_set(tmp_path, classes=classes)
    with pytest.raises(DrivesimError, match=f"it has {words}, expected two or more"):
        read_image_folder(tmp_path, 8, 0)


def test_a_missing_folder_is_said_with_what_it_should_hold(tmp_path):
    with pytest.raises(DrivesimError, match=r"nowhere is not there\. Expected pictures in FOLDER/train/CLASS"):
        read_image_folder(tmp_path / "nowhere", 8, 0)


def test_one_picture_a_class_leaves_none_to_choose_by(tmp_path):
    write_set(tmp_path, count=1)
    with pytest.raises(DrivesimError, match="one picture a class leaves none to choose by"):
        read_image_folder(tmp_path, 8, 0)


def test_more_pictures_than_the_memory_holds_are_refused_before_they_are_read(tmp_path, monkeypatch):
    write_set(tmp_path)
    monkeypatch.setattr(image_folder, "_MOST_BYTES", 20 * 8 * 8 * 3 - 1)
    monkeypatch.setattr(image_folder, "_read_image", lambda path: pytest.fail("read"))
    with pytest.raises(DrivesimError, match="20 pictures of 8 x 8 pixels do not fit"):
        read_image_folder(tmp_path, 8, 0)
