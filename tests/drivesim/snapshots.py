"""Hashes of what environments return, and snapshots compared."""

import hashlib

import numpy as np

from drivesim.env import Snapshot


def leaves(value):
    """Yield the numbers, arrays and strings in nested tuples, dicts and named tuples, in order."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield key
            yield from leaves(value[key])
    elif isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        yield from leaves(value.tolist())
    else:
        yield value


def digest(*values) -> str:
    """Return a hash of every byte of nested values."""
    total = hashlib.sha256()
    for leaf in leaves(values):
        total.update(leaf.tobytes() if isinstance(leaf, np.ndarray | np.generic) else repr(leaf).encode())
    return total.hexdigest()


def same(first: Snapshot, second: Snapshot) -> bool:
    hashes = [digest(snapshot.state, snapshot.random_states, snapshot.reasons) for snapshot in (first, second)]
    return hashes[0] == hashes[1] and all(one is other for one, other in zip(first.worlds, second.worlds, strict=True))
