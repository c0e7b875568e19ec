"""Checksum: by which a file is known again."""

import hashlib
from pathlib import Path


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
