"""Closed standard streams: nothing is written into a file that took their place."""

import subprocess
import sys
from pathlib import Path

CODE = """
import os, sys
from calo4pqvae.cli.streams import forgive_streams
forgive_streams()
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print("to nobody", flush=True)
os.write(descriptor, str(descriptor).encode())
"""


def test_files_do_not_take_the_place_of_closed_streams(tmp_path: Path) -> None:
    for closed in (">&-", "2>&-", "<&- >&- 2>&-", "<&- 2>&-"):
        target = tmp_path / "file"
        words = [
            "sh",
            "-c",
            f'exec "$0" -c "$1" "$2" {closed}',
            sys.executable,
            CODE,
            str(target),
        ]
        assert subprocess.run(words, check=False, stdout=subprocess.PIPE).returncode == 0
        assert int(target.read_text()) >= 3
        target.unlink()
