"""Score: the number by which epochs and trials are chosen."""

# An intervention in 800 s, what a training drives after every epoch, weighs as much as 7.5 cm of mean error: a network
# that wavers everywhere is not the better one for a single bend.
ERROR_WEIGHT = 0.1


def score(measured: dict[str, float]) -> float:
    """Return the number to make large.

    Args:
        measured: `autonomy` and `cross_track_error` (mean, metres) of a drive; or, where nothing was driven, mean
            absolute errors of held-out actions.
    """
    if "autonomy" in measured:
        return measured["autonomy"] - ERROR_WEIGHT * measured["cross_track_error"]
    return -sum(measured.values())
