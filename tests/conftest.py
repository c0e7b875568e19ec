"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real recordings and circuits; skip the test where there is none."""
    named = os.environ.get("DRIVESIM_REAL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "real"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set DRIVESIM_REAL_DATA to the folder that holds tum_tracks/")
    return folder
