from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import cv2
import pytest

from drivesim.opencv_threads import SingleThreadedOpenCV


@pytest.fixture(autouse=True)
def users_setting():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


def test_opencv_works_on_one_thread_inside_and_on_the_users_afterwards():
    with SingleThreadedOpenCV():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 2


def test_the_users_setting_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), SingleThreadedOpenCV():
        _ = 1 / 0
    assert cv2.getNumThreads() == 2


def test_the_last_of_several_threads_to_leave_puts_the_setting_back():
    context, together = SingleThreadedOpenCV(), Barrier(2)

    def enter_and_meet(_: int) -> int:
        with context:
            together.wait(5)
            inside = cv2.getNumThreads()
            together.wait(5)
        return inside

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(enter_and_meet, range(2))) == [1, 1]
    assert cv2.getNumThreads() == 2
