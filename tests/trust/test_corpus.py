"""Every hostile and odd input there is: the documented exit code and sentence, in time, in memory, without a trace."""

import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import LIMIT, LIMITS, SLOW, cases
from tests.hostile.case import Case
from tests.hostile.doors import DOORS
from tests.process.conftest import run
from tests.trust.conftest import Warm
from tools import sentences

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for memory, makes pipes and links")
CASES = [case for case in cases() if os.environ.get("LIKENESS_SLOW_CASES") or not case.slow]
COMMANDS: dict[str, list[str]] = {"photo": ["create", "{}", "--out", "{folder}/ada"], "head": [
    "head", "import", "{}", "--name", "x"], "parameters": ["head", "rebuild", "{}", "--out", "{folder}/rebuilt.npz"],
    "film": ["create", "{}", "--out", "{folder}/ada"], "take": ["animation", "convert", "{}", "{folder}/out.npz"]}
"""What a person would type for a door; others have no command of their own."""
UNWRITTEN = {"environment"}
"""Doors of tools for training, whose sentences docs/troubleshooting.md leaves out."""
SAMPLE = 2
"""Of a door's cases, so many go through a process of their own: they differ in what is read, not in who says so."""


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every name below a folder, with size and time of the last change."""
    return {os.fspath(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in folder.rglob("*")}


def documented() -> re.Pattern[str]:
    """Any sentence of docs/troubleshooting.md."""
    said = {item.text for item in sentences.everything() if re.search("[A-Za-z]{3}", item.text)}
    return re.compile("|".join(f"(?:{'.*'.join(map(re.escape, re.split('…', text)))})" for text in said), re.DOTALL)


SENTENCE = documented()


def test_there_are_enough_and_every_door_has_some() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    assert set(Counter(case.door for case in CASES)) == set(DOORS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"[^ -~]", "?", case.name))
def test_an_input_is_answered_as_documented_and_leaves_no_trace(warm: Warm, tmp_path: Path, case: Case) -> None:
    path = case.build(tmp_path)
    before = listing(tmp_path)
    said = warm.ask(case.door, path)
    complain(case, said, tmp_path)
    seconds, memory = SLOW if case.slow else LIMITS.get(case.door, LIMIT)
    assert said["seconds"] < seconds
    assert said["bytes"] < memory
    assert said["heard"] == [], "it wrote, started or sent something"
    assert listing(tmp_path) == before
    assert list(warm.temporary.iterdir()) == []


def complain(case: Case, said: dict[str, Any], folder: Path) -> None:
    """Hold an answer against what the case wants."""
    sentence = said["sentence"]
    assert said["exit"] == case.exit_code, sentence
    assert re.search(case.words, sentence), sentence
    if case.exit_code:
        assert case.door in UNWRITTEN or SENTENCE.match(sentence), f"in no page: {sentence}"
        assert sentence.isprintable()
        assert len(sentence) < 6000
        assert str(folder) not in sentence, "a private path"


@pytest.mark.parametrize("door", COMMANDS)
def test_a_real_process_says_the_same(tmp_path: Path, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_HEADS", str(tmp_path / "heads"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    mine = [case for case in CASES if case.door == door and "null" not in case.name and case.exit_code]
    for case in mine[::len(mine) // SAMPLE + 1]:
        folder = tmp_path / f"{mine.index(case)}"
        folder.mkdir()
        path = case.build(folder)
        before = listing(folder)
        done = run(*(part.format(path, folder=folder) for part in COMMANDS[door]), folder=folder)
        lines = [line for line in done.stderr.splitlines() if "%" not in line]
        assert len(lines) == 1, done.stderr
        complain(case, {"exit": done.returncode, "sentence": lines[0]}, folder)
        assert done.stdout == ""
        assert {name for name in listing(folder) if not name.startswith(".")} == set(before)
        assert [name.name for name in (tmp_path / "temporary").iterdir()] == []
    assert not (tmp_path / "ran").exists()
