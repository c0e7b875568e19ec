"""Instruments: what an environment draws over its frames; a mirrored road does not turn them around as a whole.

CarRacing-v3 draws a bar of twelve rows below its road. The return, the speed and the wheels' speeds stay where they are
when the road is mirrored; the bars of the steering and of the yaw rate grow to the other side of where they begin.
"""

import numpy as np

# Of CarRacing's 96 x 96 frames: the first row of the instruments, and the columns of what turns around its middle:
# the steering's bar begins at 48, the yaw rate's at 72.
_CAR_RACING = "CarRacing-v3"
_SIZE, _FIRST_ROW, _TURNED = (96, 96), 84, ((34, 62), (62, 82))


def mirror(frames: np.ndarray, environment: str = "") -> np.ndarray:
    """Return frames (B, H, W, C) as they would look on a mirrored road.

    Args:
        frames: Of one environment.
        environment: Its id; instruments are known of CarRacing-v3 in its own size alone.
    """
    mirrored = frames[:, :, ::-1].copy()
    if environment == _CAR_RACING and frames.shape[1:3] == _SIZE:
        bar = frames[:, _FIRST_ROW:].copy()
        for start, stop in _TURNED:
            bar[:, :, start:stop] = bar[:, :, start:stop][:, :, ::-1].copy()
        mirrored[:, _FIRST_ROW:] = bar
    return mirrored
