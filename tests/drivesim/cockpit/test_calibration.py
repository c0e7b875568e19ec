"""Finding out which axes of a wheel are which."""

from drivesim.cockpit.calibration import STEPS, CalibrationRun
from drivesim.cockpit.controls import Axis, Calibration

REST = [0.02, 1.0, -0.01, 1.0]
LEFT, RIGHT = [0.0, 1.0, -0.9, 1.0], [0.0, 1.0, 0.95, 1.0]
THROTTLE, BRAKE = [0.0, -1.0, 0.3, 1.0], [0.0, 0.9, 0.3, -0.8]


def test_the_axis_that_moves_most_is_the_one_that_was_asked_for():
    run = CalibrationRun("A wheel", REST)
    prompts, found = [], None
    for axes in (REST, LEFT, RIGHT, THROTTLE, BRAKE):
        assert found is None
        prompts.append(run.prompt)
        found = run.take(axes)
    assert tuple(prompts) == STEPS
    # The wheel stands elsewhere than at rest while the pedals are pressed: it is not taken for one of them.
    assert found == Calibration("A wheel", Axis(2, -0.9, 0.95), Axis(1, 1.0, -1.0), Axis(3, 1.0, -0.8))


def test_pedals_may_be_absent():
    run = CalibrationRun("A wheel", REST)
    for axes in (REST, LEFT, RIGHT):
        run.take(axes)
    assert run.take(REST, skip=True) is None
    assert run.take(REST, skip=True) == Calibration("A wheel", Axis(2, -0.9, 0.95))


def test_what_has_not_moved_is_asked_for_again():
    run = CalibrationRun("A wheel", REST)
    run.take(REST)
    run.take(LEFT)
    assert run.take(LEFT) is None
    assert run.prompt == f"Nothing has moved. {STEPS[2]}"
    run.take(RIGHT)
    assert run.prompt == STEPS[3]
    run.take(REST)
    assert run.prompt == f"Nothing has moved. {STEPS[3]}"
