"""Films: pictures at moments, forwards, backwards and from several threads; what is no film."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from datasets.formats.film import Film, FilmWriter
from drivesim.errors import DrivesimError
from tests.datasets.recordings import bomb, picture

pytest.importorskip("av")
FPS = 20


def make_film(path, count=90):
    writer = FilmWriter(path, FPS, (48, 96))
    for number in range(count):
        writer.add(picture(number, (48, 96)))
    writer.close()
    return Film(path)


def number_of(seen):
    return int(seen[:, :, 0].astype(int).mean(axis=0).argmax())


def test_every_moment_has_its_picture_in_whatever_order(tmp_path):
    film = make_film(tmp_path / "film.mp4")
    assert film.size == (48, 96)
    for order in (range(90), range(89, -1, -1), np.random.default_rng(0).permutation(90)):
        seen = film.pictures_at([number / FPS for number in order], 0.5 / FPS)
        assert [number_of(frame) for frame in seen] == [*order]
    assert np.abs(seen[0].astype(int) - picture(int(order[0]), (48, 96))).mean() < 6


def test_threads_share_a_film(tmp_path):
    film = make_film(tmp_path / "film.mp4")
    with ThreadPoolExecutor(3) as workers:
        parts = list(workers.map(lambda at: film.pictures_at([at / FPS, (at + 1) / FPS], 0.5 / FPS), range(0, 80, 7)))
    assert [[number_of(frame) for frame in part] for part in parts] == [[at, at + 1] for at in range(0, 80, 7)]


def test_moments_without_a_picture_are_known_and_refused(tmp_path):
    film = make_film(tmp_path / "film.mp4", 10)
    times = np.array([-0.2, 0.0, 0.01, 0.45, 0.5, 9.0])
    assert film.has(times, 0.5 / FPS).tolist() == [False, True, True, True, False, False]
    with pytest.raises(DrivesimError, match="can't be decoded"):
        film.pictures_at([3.0], 0.5 / FPS)
    assert number_of(film.pictures_at([0.2], 0.5 / FPS)[0]) == 4


def test_what_is_no_film_says_so(tmp_path):
    with pytest.raises(ValueError, match="the film is missing"):
        Film(tmp_path / "nothing.mp4")
    for name, data in (("text.mp4", b"what is this"), ("empty.mp4", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="the film can't be opened"):
            Film(tmp_path / name)
    (tmp_path / "bomb.mp4").write_bytes(bomb())
    with pytest.raises(ValueError, match="the film"):
        Film(tmp_path / "bomb.mp4")


def test_a_cut_off_film_is_refused(tmp_path):
    make_film(tmp_path / "film.mp4")
    data = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="the film can't be opened"):
        Film(tmp_path / "cut.mp4")


def test_odd_sizes_are_refused(tmp_path):
    with pytest.raises(DrivesimError, match="even, got 47 x 96"):
        FilmWriter(tmp_path / "film.mp4", FPS, (47, 96))


def test_a_play_list_in_a_films_place_opens_no_other_file(tmp_path):
    make_film(tmp_path / "film.mp4")
    for text in ("ffconcat version 1.0\nfile film.mp4\n", "#EXTM3U\n#EXTINF:5,\nfilm.mp4\n"):
        (tmp_path / "list.mp4").write_text(text)
        with pytest.raises(ValueError, match="the film can't be opened"):
            Film(tmp_path / "list.mp4")
