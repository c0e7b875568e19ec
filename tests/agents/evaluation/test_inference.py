"""The clock beside a driver: it changes nothing, and adds up."""

import numpy as np
import pytest

from agents.evaluation.inference import TimedDriver
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from tests.agents.drives import Steady, ring_world


def test_a_driver_with_a_clock_drives_the_same():
    plain = drive(ExpertDriver(), [ring_world(20.0)], Course())[0]
    timed = TimedDriver(ExpertDriver())
    again = drive(timed, [ring_world(20.0)], Course())[0]
    assert plain.columns["steering"].tobytes() == again.columns["steering"].tobytes()
    assert (timed.name, timed.needs_frames) == ("expert", False)
    assert len(timed.seconds) == timed.answers == len(plain.put_back)


def test_the_clocks_metrics_are_those_of_the_answers():
    timed = TimedDriver(Steady())
    timed.seconds, timed.answers = [0.001] * 98 + [0.003, 0.005], 200
    known = timed.metrics(elapsed=1.0)
    assert known["inference_p50"] == pytest.approx(1.0)
    assert known["inference_p99"] == pytest.approx(np.percentile([1.0] * 98 + [3.0, 5.0], 99))
    assert known["inference_per_frame"] == pytest.approx((98 + 3 + 5) / 200)
    assert known["inference_share"] == pytest.approx(0.106)
    assert known["frames_per_second"] == pytest.approx(200.0)


def test_what_a_driver_is_told_to_forget_reaches_it():
    class Forgetful(Steady):
        def forget(self, env, cars):
            self.asked.append(("forget", cars.tolist()))

    driver = Forgetful()
    drive(TimedDriver(driver), [ring_world(20.0), ring_world(30.0)], Course(time_limit=0.1))
    assert driver.asked[0] == ("forget", [0, 1])
    # One without a memory is not asked.
    drive(TimedDriver(Steady()), [ring_world(20.0)], Course(time_limit=0.1))
