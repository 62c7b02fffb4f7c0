"""The backend's side, spoken to in raw lines: nonsense (more is in tests/hostile/lines.py), versions, closed pipes."""

import json
import time
from pathlib import Path

from backend import protocol
from tests.process.conftest import Wire, small


def test_nonsense_is_answered_and_the_backend_goes_on(wire: Wire) -> None:
    wire.send(b"garbage\n")
    assert wire.next("error")["kind"] == "protocol"
    wire.send(b"x" * (3 * protocol.MAX_LINE_BYTES) + b"\n")
    assert "longer than" in wire.next("error")["message"]
    wire.hello()
    wire.send({"type": "cancel", "id": "nobody"})
    assert "no job nobody" in wire.next("error")["message"]
    wire.send({"type": "submit", "id": "a", "kind": "dance", "parameters": {}, "folder": "x"})
    error = wire.next("error")
    assert (error["id"], error["kind"]) == ("a", "input")
    assert wire.next("hello")["protocol"] == protocol.PROTOCOL_VERSION


def test_a_client_of_another_version_gets_a_sentence_and_no_job(wire: Wire, tmp_path: Path) -> None:
    wire.send({"type": "hello", "protocol": 99, "client": "likeness 9"})
    error = wire.next("error")
    assert error["kind"] == "backend"
    assert "speaks protocol 99" in error["message"]
    assert "Update the backend" in error["remedy"]
    wire.send({"type": "submit", "id": "a", "kind": "create", "parameters": small(tmp_path / "ada"),
               "folder": str(tmp_path / "job")})
    assert wire.next("error", "progress")["kind"] == "protocol"
    assert not (tmp_path / "job").exists()


def test_odd_parameters_are_input_errors(wire: Wire, tmp_path: Path) -> None:
    wire.hello()
    out = tmp_path / "a"
    odd = [{}, {"photos": "one.jpg", "out": "x"}, small(out, speed=3), small(out, face="first"),
           small(out, resolution=17), small(out, device="tpu"), small(out, head="../x")]
    for index, parameters in enumerate(odd):
        wire.send({"type": "submit", "id": f"j{index}", "kind": "create", "parameters": parameters,
                   "folder": str(tmp_path / "job")})
        error = wire.next("error", "result")
        assert (error["id"], error["type"], error["kind"]) == (f"j{index}", "error", "input"), parameters


def test_the_backend_ends_when_its_input_closes(wire: Wire, tmp_path: Path) -> None:
    wire.hello()
    wire.send({"type": "submit", "id": "a", "kind": "create", "parameters": small(tmp_path / "ada"),
               "folder": str(tmp_path / "job")})
    while wire.next("progress")["stage"] == "waiting":
        continue
    assert wire.process.stdin is not None
    closed = time.monotonic()
    wire.process.stdin.close()
    assert wire.process.wait(5) == 0
    assert time.monotonic() - closed < 5
    assert not (tmp_path / "ada").exists()


def test_shutdown_ends_it_too_and_heartbeats_come_before(wire: Wire) -> None:
    assert wire.next("heartbeat")["job"] is None
    wire.send({"type": "shutdown"})
    assert wire.process.wait(10) == 0


def test_every_line_is_one_json_object_within_ascii(wire: Wire) -> None:
    wire.hello()
    wire.send(json.dumps({"type": "cancel", "id": "nobody"}).encode() + b"\n")
    assert wire.process.stdout is not None
    for _ in range(3):
        line = wire.process.stdout.readline()
        assert line.isascii()
        assert isinstance(json.loads(line), dict)
