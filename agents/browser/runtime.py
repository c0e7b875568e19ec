"""Runtime: onnxruntime-web, which runs a network in a browser, taken out of the archive that npm makes of it."""

import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from drivesim.errors import DrivesimError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"

_PACK = f"npm pack {PACKAGE}@{VERSION}"

# What a page needs of it, and the most that is believed of their size, bytes.
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
_MOST_BYTES = 64 * 2**20

_PATIENCE = 300.0


def write_runtime(folder: Path, archive: Path | None = None) -> None:
    """Write the runtime's files.

    Args:
        folder: For the files; made.
        archive: What `npm pack` made; npm fetches it if left out.

    Raises:
        DrivesimError: If there is no npm, or it gets nothing, or the archive is another one.
    """
    if archive is not None:
        _unpack(archive, folder)
        return
    with TemporaryDirectory(prefix="drivesim-") as aside:
        _unpack(_fetched(Path(aside)), folder)


def _fetched(aside: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise DrivesimError(
            f"--runtime: npm, which fetches {PACKAGE}, is not installed. Install it, or run `{_PACK}` elsewhere and "
            "give the archive by --runtime."
        )
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(aside), "--silent"]
    try:
        ran = subprocess.run(command, cwd=aside, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        reason = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[0]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    archives = [*aside.glob("*.tgz")]
    if not archives:
        raise DrivesimError(
            f"--runtime: `{_PACK}` got nothing ({reason}). Run it where there is a network, and give the archive by "
            "--runtime."
        )
    return archives[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Take the files out by their names; no other name in the archive is looked at."""
    contents = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for name in FILES:
                member = tar.getmember(f"package/dist/{name}")
                file = tar.extractfile(member) if member.isfile() and member.size <= _MOST_BYTES else None
                if file is None:
                    raise KeyError(f"{name} is no file of a sensible size")
                contents[name] = file.read()
    except (OSError, EOFError, tarfile.TarError, KeyError) as error:
        reason = error.args[0] if error.args else "cut off"
        raise DrivesimError(
            f"--runtime: {archive} is not what `{_PACK}` makes ({reason}). Make it anew, or leave --runtime out."
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
