"""`python -m tests.trust.killing [--runs 100]`: jobs killed at random moments, until each is done, and compared.

Half of the runs die after a random time, half at a random change of the disk. What `tests/trust/test_faults.py` does at
the boundaries, for as long as one likes.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from backend.bundle import read_bundle
from tests.process.conftest import PORTRAIT
from tests.trust.test_faults import Forks, same, tree


def main() -> int:
    """Kill and go on; returns 1 when anything was not as it should be."""
    parser = argparse.ArgumentParser(prog="build.py faults")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "temporary").mkdir()
        forks = Forks(folder / "temporary")
        started = time.monotonic()
        said = forks.ask(photos=[PORTRAIT], out=folder / "whole", work=folder / "whole-job")
        assert said["exit"] == 0, said
        lasts = time.monotonic() - started
        job = {"photos": [PORTRAIT], "out": folder / "ada", "work": folder / "job"}
        killed = done = 0
        while killed < options.runs:
            old = tree(folder / "ada") if (folder / "ada").exists() else None
            how = {"after_s": chance.uniform(0.05, lasts)} if chance.random() < 0.5 else {
                "fault": {"below": name, "at": chance.randint(1, 90)}}
            said = forks.ask(**job, **how)
            if said["signal"]:
                killed += 1
                now = tree(folder / "ada") if (folder / "ada").exists() else None
                if now is not None:
                    read_bundle(folder / "ada")
                assert now == old or now is not None, "an avatar was lost"
                continue
            assert said["exit"] == 0, said
            done += 1
            same(folder / "ada", folder / "whole")
            left = sorted(path.name for path in folder.iterdir())
            assert left == ["ada", "temporary", "whole"], left
            print(f"{killed} killed, {done} avatars done, all the same")
            if chance.random() < 0.5:
                shutil.rmtree(folder / "ada")  # the next one has nothing to replace
        forks.close()
    print(f"Seed {options.seed}: {killed} runs killed, {done} done; every one the old state, or the same new avatar.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
