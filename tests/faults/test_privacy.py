"""What is recorded names no host, no user and no place."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from datasets.lap_files import read_laps

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("zaphod-user", "zaphod-host", "zaphod-home", "zaphod-place", "zaphod-laps")


def test_laps_and_the_journal_of_trims_name_no_host_no_user_and_no_path(tmp_path):
    place = tmp_path / "zaphod-place"
    place.mkdir()
    user, host, home, *_ = WORDS
    names = dict.fromkeys(("USER", "LOGNAME", "USERNAME"), user) | {"HOSTNAME": host, "HOME": str(place / home)}
    environment = os.environ | names | {"PYTHONPATH": str(ROOT)}

    def run(*command):
        subprocess.run([sys.executable, "-m", *command], cwd=place, env=environment, check=True, timeout=120)

    run("agents.record", "--driver", "human-like", "--laps", "2", "--seconds", "3", "--out", "zaphod-laps")
    run("agents.record", "--laps", "1", "--seconds", "3", "--out", str(place / "zaphod-laps"), "--append")
    run("datasets.trim", str(place / "zaphod-laps"), "--lap", "lap-000001", "--from", "1")
    written = [path for path in (place / "zaphod-laps").iterdir() if path.is_file()]
    assert sorted(path.name for path in written) == [*(f"lap-00000{n}.parquet" for n in (1, 2, 3)), "trims.json"]
    laps, _ = read_laps(place / "zaphod-laps")
    # The bytes, and what is packed in them.
    texts = [path.read_bytes() for path in written] + [repr(lap.info.to_metadata()).encode() for lap in laps]
    found = {secret for secret in [*WORDS, str(tmp_path), str(ROOT)] for text in texts if secret.encode() in text}
    assert not found
    # The host's own name may have two letters, which stand in any packed bytes by chance: it is looked for as a word.
    plain = [str({name: value for name, value in vars(lap.info).items() if name != "track_points"}) for lap in laps]
    plain.append((place / "zaphod-laps" / "trims.json").read_text())
    assert not any(socket.gethostname() in re.findall(r"[\w.-]+", text) for text in plain)
