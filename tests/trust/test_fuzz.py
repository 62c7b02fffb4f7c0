"""Changed files and lines, for a bounded time; `python3 build.py fuzz` goes on for as long as one likes."""

import contextlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend import protocol
from tests.hostile import fuzz

TRIES = 25
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
                    max_leaves=12)


def test_changed_files_are_read_or_answered_with_a_sentence(tmp_path: Path) -> None:
    found = fuzz.fuzz(fuzz.targets(), tmp_path, seed=8, tries=TRIES)
    assert [finding.trace for finding in found] == []


def test_the_fuzzer_finds_what_is_there_to_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that breaks after two bytes that it checks one by one: blind luck takes 2**16 changes of both."""
    def careless(path: Path) -> None:
        content = path.read_bytes()
        for at, letter in enumerate(b"HI"):
            if len(content) <= at or content[at] != letter:
                return
            backdoor(at)
        raise ZeroDivisionError("found")

    code = "\n".join(["def backdoor(at):", *(f"    if at == {at}:\n        return {at}" for at in range(2))])
    scope: dict = {}
    exec(compile(code, fuzz.WATCHED[0] + "/made_up.py", "exec"), scope)
    backdoor = scope["backdoor"]
    monkeypatch.setitem(fuzz.DOORS, "careless", careless)
    found = fuzz.fuzz([fuzz.Target("careless", "x", [b"ab"])], tmp_path, seed=1, seconds=20, tries=60_000,
                      enough=1)
    assert len(found) == 1
    assert found[0].content.startswith(b"HI")


def test_the_same_seed_makes_the_same_changes() -> None:
    made = [fuzz.changed(b"some content", [b"another"], random.Random(3)) for _ in range(2)]
    assert made[0] == made[1]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(["type", "id", "kind", "parameters", "folder", "protocol", "client"]),
                       JSON | st.sampled_from(["hello", "submit", "cancel", "shutdown"]), max_size=7))
def test_any_object_is_a_message_or_an_error(message: dict) -> None:
    with contextlib.suppress(protocol.ProtocolError):
        made = protocol.parse(json.dumps(message).encode())
        assert made["type"] in ("hello", "submit", "cancel", "shutdown")
        assert made["type"] in ("hello", "shutdown") or protocol._ID.fullmatch(made["id"])
