"""The benchmark of growth: a short run of it, and its ratios."""

import json

from benchmarks import scaling


def test_a_short_run_times_every_row(tmp_path, run, monkeypatch):
    monkeypatch.setattr(scaling, "_TRACKS", 1)
    monkeypatch.setattr(scaling, "_SIDES", (24, 48))
    options = ("--seconds", 0.001, "--rounds", 2, "--most", 8, "--json", tmp_path / "scaling.json")
    code, said, _ = run(scaling, *options)
    assert code == 0
    report = json.loads((tmp_path / "scaling.json").read_text())
    assert list(report["microseconds"]["simulation"]) == ["1 cars", "8 cars"]
    assert list(report["microseconds"]["frames ahead"]) == ["24 x 24", "48 x 48"]
    for group, rows in report["microseconds"].items():
        assert group in said
        assert all(len(values) == 2 and min(values) > 0 for values in rows.values())
        assert next(iter(report["ratios"][group].values())) == 1.0


def test_a_ratio_is_taken_within_a_turn():
    assert scaling._ratios({"a": [1.0, 10.0, 2.0], "b": [2.0, 20.0, 6.0]}) == {"a": 1.0, "b": 2.0}


def test_no_time_at_all_is_refused(run):
    code, _, said = run(scaling, "--rounds", 0)
    assert code == 2
    assert "--rounds: expected more than 0" in said
