"""OpenCV threads: keep OpenCV from cutting up single frames while frames are spread over threads of our own.

From version 5 on OpenCV warps even a 96 x 96 frame on all of its threads, which costs more than it gains as soon as
another thread is busy. Their number is one setting for the whole process and belongs to the user: it is put back.
"""

from threading import Lock

import cv2


class SingleThreadedOpenCV:
    """A context in which OpenCV uses the caller's thread alone; may be entered by several threads at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._users = 0

    def __enter__(self) -> None:
        """Note the user's setting and set it aside."""
        with self._lock:
            if self._inside == 0:
                self._users = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        """Put the user's setting back when the last thread leaves."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                cv2.setNumThreads(self._users)


SINGLE_THREADED = SingleThreadedOpenCV()
