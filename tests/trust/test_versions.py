"""Two versions of the add-on on one data folder: neither trips over the other's notes, neither takes them away."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from blender_addon import journal, whereabouts
from tests.process.conftest import ROOT

AVATAR = "0123456789abcdef" * 2
WRITER = """
import sys
from pathlib import Path
from blender_addon import whereabouts
for number in range(300):
    whereabouts.keep(Path(sys.argv[1]), sys.argv[2], whereabouts.Files(Path(sys.argv[3]) / str(number)))
"""


def test_a_later_versions_notes_are_passed_over_and_stay(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    mine = journal.Note(str(tmp_path / "job"), {}, "mine")
    journal.write(tmp_path, mine)
    later = json.dumps({**asdict(journal.Note(str(tmp_path / "job"), {}, "later", id="b")), "mood": "calm"})
    (tmp_path / "b.json").write_text(later)
    assert [note.name for note in journal.left(tmp_path)] == ["mine"]
    journal.discard(tmp_path, mine)
    assert (tmp_path / "b.json").read_text() == later
    assert journal.left(tmp_path) == []


def test_a_later_versions_note_of_an_avatar_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    (tmp_path / f"{AVATAR}.json").write_text(json.dumps({"bundle": "ada", "photos": ["me.jpg"], "mood": "calm"}))
    assert whereabouts.of(tmp_path, AVATAR) == whereabouts.Files(Path("ada"), (Path("me.jpg"),))
    (tmp_path / f"{AVATAR}.json").write_text(json.dumps({"files": {"bundle": "ada"}, "format": 2}))
    assert whereabouts.of(tmp_path, AVATAR) == whereabouts.Files()


def test_two_that_write_the_same_note_at_once_leave_one_of_both_whole(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, AVATAR, name], cwd=ROOT) for name in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        found = whereabouts.of(tmp_path, AVATAR).bundle
        seen.add(found is not None and found.parent.name)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen <= {False, "a", "b"}
    last = whereabouts.of(tmp_path, AVATAR).bundle
    assert last is not None
    assert last.name == "299"
    assert [path.name for path in tmp_path.iterdir()] == [f"{AVATAR}.json"]
