"""CIFAR-10's binary version, written here byte by byte."""

import numpy as np
import pytest

from datasets.cifar10 import read_cifar10
from drivesim.errors import DrivesimError
from tests.datasets.images import NAMES, record, write_cifar10


def test_every_picture_comes_with_its_class_and_colours(tmp_path):
    write_cifar10(tmp_path)
    sets = read_cifar10(tmp_path, 32, 0)
    assert (len(sets.train), len(sets.val), len(sets.test)) == (90, 10, 20)
    assert sets.train.classes == NAMES
    for part in (sets.train, sets.val, sets.test):
        assert part.images.shape[1:] == (32, 32, 3)
        np.testing.assert_array_equal(part.images[:, 3, 7, 0], 10 * part.labels)
        assert (part.images[..., 1:] == (100, 200)).all()
    assert np.bincount(sets.val.labels).tolist() == [1] * 10


def test_rows_come_from_above_and_columns_from_the_left(tmp_path):
    folder = write_cifar10(tmp_path)
    down, right = np.arange(32)[:, None], np.arange(32)
    (folder / "test_batch.bin").write_bytes(record(3, down, right, 0))
    image = read_cifar10(folder, 32, 0).test.images[0]
    np.testing.assert_array_equal(image[..., 0], np.broadcast_to(down, (32, 32)))
    np.testing.assert_array_equal(image[..., 1], np.broadcast_to(right, (32, 32)))


@pytest.mark.parametrize("size", [16, 48])
def test_pictures_are_brought_to_the_size_that_is_asked_for(tmp_path, size):
    folder = write_cifar10(tmp_path)
    (folder / "test_batch.bin").write_bytes(record(3, np.arange(0, 256, 8)[:, None], 50, 60))
    image = read_cifar10(tmp_path, size, 0).test.images[0].astype(int)
    assert image.shape == (size, size, 3)
    assert np.diff(image[:, 0, 0]).min() >= 0
    assert image[0, 0, 0] < 20
    assert image[-1, 0, 0] > 230


def test_what_is_absent_is_answered_with_what_to_download(tmp_path):
    with pytest.raises(DrivesimError) as caught:
        read_cifar10(tmp_path / "nowhere", 32, 0)
    message = str(caught.value)
    assert "lacks data_batch_1.bin, data_batch_2.bin" in message
    assert "cifar-10-binary.tar.gz, from https://www.cs.toronto.edu/~kriz/cifar.html" in message
    folder = write_cifar10(tmp_path)
    (folder / "data_batch_3.bin").rename(folder / "data_batch_1")
    with pytest.raises(DrivesimError, match=r"lacks data_batch_3.bin \(data_batch_1 without .bin is the version for"):
        read_cifar10(tmp_path, 32, 0)


def test_files_that_are_not_whole_are_named_all_at_once(tmp_path):
    folder = write_cifar10(tmp_path)
    (folder / "data_batch_2.bin").write_bytes((folder / "data_batch_2.bin").read_bytes()[:-1])
    (folder / "data_batch_4.bin").write_bytes(b"")
    (folder / "test_batch.bin").write_bytes(record(10, 0, 0, 0))
    with pytest.raises(DrivesimError) as caught:
        read_cifar10(tmp_path, 32, 0)
    message = str(caught.value)
    assert "data_batch_2.bin has 61459 bytes, expected a multiple of 3073" in message
    assert "data_batch_4.bin has 0 bytes" in message
    assert "test_batch.bin has a picture of class 10, expected 0 to 9" in message
    assert message.endswith("Download and unpack it again.")


def test_names_that_are_missing_are_said(tmp_path):
    folder = write_cifar10(tmp_path)
    (folder / "batches.meta.txt").write_text("airplane\n")
    with pytest.raises(DrivesimError, match=r"batches\.meta\.txt names 1 classes, expected 2 to 256"):
        read_cifar10(tmp_path, 32, 0)
