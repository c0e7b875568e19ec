"""Mirrored frames of environments that draw instruments over them."""

import numpy as np

from datasets.instruments import mirror


def car_racing_frame():
    """Return a frame with a speed of 30, steered and turning to the left, on a road that leaves to the left."""
    frame = np.zeros((1, 96, 96, 3), np.uint8)
    frame[0, :84, :40] = 100
    frame[0, 85:94, 12:14] = 255
    frame[0, 86:91, 43:48, 1] = 255
    frame[0, 86:91, 65:72, 0] = 255
    return frame


def test_the_road_is_mirrored_and_the_instruments_show_the_mirrored_drive():
    mirrored = mirror(car_racing_frame(), "CarRacing-v3")[0]
    assert (mirrored[:84, 56:] == 100).all()
    assert not mirrored[:84, :56].any()
    assert (mirrored[85:94, 12:14] == 255).all(), "the speed stays where it is"
    assert np.flatnonzero(mirrored[88, :, 1] == 255).tolist() == [12, 13, *range(48, 53)]
    assert np.flatnonzero(mirrored[88, :, 0] == 255).tolist() == [12, 13, *range(72, 79)]


def test_mirroring_twice_changes_nothing():
    frame = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    for environment in ("", "CarRacing-v3"):
        np.testing.assert_array_equal(mirror(mirror(frame, environment), environment), frame)


def test_frames_of_no_environment_and_of_another_size_are_mirrored_as_a_whole():
    frame = np.random.default_rng(0).integers(0, 256, (2, 66, 200, 3), dtype=np.uint8)
    np.testing.assert_array_equal(mirror(frame, "CarRacing-v3"), frame[:, :, ::-1])
    frame = car_racing_frame()
    np.testing.assert_array_equal(mirror(frame), frame[:, :, ::-1])
