"""Kill a run of shards, set the clock back, go on, kill it again, and go on in the present.

    python scripts/clock_set_back.py --library libfaketimeMT.so.1 --work WORK

libfaketime gives the processes another time of the day. Stub showers are made, so that the
trial takes seconds; what it leaves must be what a run that was left alone has left.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

SCRIPT = Path(__file__).with_name("stub_shards.py")


def start(folder: Path, library: Path, days: int) -> subprocess.Popen:
    """Give the command, with the clock so many days off."""
    told = {"LD_PRELOAD": str(library), "FAKETIME": f"{days:+d}d"} if days else {}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), "--shards", "12", "--pause", "0.05"],
        env={**os.environ, **told},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def lines(folder: Path) -> list[dict]:
    """What the manifest tells, of the shards that are finished."""
    path = folder / "manifest.jsonl"
    told = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in told]


def strike_after(process: subprocess.Popen, folder: Path, count: int) -> None:
    """End all processes at once when so many shards are finished."""
    while len(lines(folder)) < count and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description="Shards while the clock is set back.")
    parser.add_argument("--library", type=Path, required=True, help="libfaketimeMT.so.1")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    alone, struck = args.work / "alone", args.work / "struck"
    start(alone, args.library, 0).communicate()
    strike_after(start(struck, args.library, 0), struck, 3)
    strike_after(start(struck, args.library, -400), struck, 7)
    kept = len(lines(struck))
    told = start(struck, args.library, 0).communicate()[0]
    found = lines(struck)
    moments = [line["finished"] for line in found]
    back = sum(later < earlier for earlier, later in pairwise(moments))
    made = {path.name: path.read_bytes() for path in sorted(struck.glob("shard-*.h5"))}
    whole = {path.name: path.read_bytes() for path in sorted(alone.glob("shard-*.h5"))}
    print(told.splitlines()[0])
    print(f"lines of the manifest whose clock lies before that of the line above: {back}")
    print(
        f"shards kept, lines in the end: {kept}, {len(found)}; as left alone: {made == whole}"
    )
    return int(not back or made != whole or len(found) != 12)


if __name__ == "__main__":
    sys.exit(main())
