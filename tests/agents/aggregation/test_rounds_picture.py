"""Driving against labels, drawn."""

import cv2

from agents.aggregation.rounds_picture import draw_rounds


def row(number, labels, autonomy, error):
    return {"round": number, "labels": labels, "autonomy": autonomy, "cross_track_error": error}


def test_runs_are_drawn_side_by_side(tmp_path):
    dagger = [row(0, 600, 0.95, 0.1), row(1, 700, 0.99, 0.08)]
    laps = [row(0, 600, 0.95, 0.1), row(1, 1200, 0.97, 0.09)]
    for name, runs in (("one.png", {"dagger": dagger}), ("two.png", {"dagger": dagger, "laps": laps})):
        draw_rounds(runs, tmp_path / name)
    one, two = (cv2.imread(str(tmp_path / name)) for name in ("one.png", "two.png"))
    assert one.shape == two.shape
    assert (one != two).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
