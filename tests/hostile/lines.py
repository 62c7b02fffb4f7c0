"""Words: protocol lines, lists of assets, names of heads, records, notes, and what a killed job left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.hostile.case import Case, file, link, pipe, sparse, zipped

_HELLO = b'{"type": "hello", "protocol": 1, "client": "x"}\n'
_SUBMIT = b'{"type": "submit", "id": "a", "kind": "create", "parameters": {}, "folder": "x"}\n'
_LINES: dict[str, tuple[bytes, str]] = {
    "an empty line": (b"\n", "not JSON"),
    "no JSON": (b"garbage\n", "not JSON"),
    "zeros": (bytes(99) + b"\n", "not JSON"),
    "not UTF-8": (b"\xff\xfe\xfd\n", "not JSON"),
    "half a message": (_SUBMIT[:40] + b"\n", "not JSON"),
    "half a message at the end": (_HELLO + _SUBMIT[:40], "not JSON"),
    "deep": (b"[" * 100_000 + b"\n", "not JSON"),
    "deep tables": (b'{"a":' * 100_000 + b"\n", "not JSON"),
    "a number of 5,000 digits": (b"9" * 5000 + b"\n", "not "),
    "a list": (b"[1, 2]\n", "not an object"),
    "null": (b"null\n", "not an object"),
    "no type": (b"{}\n", "not an object"),
    "a type that is a number": (b'{"type": 5}\n', "not an object"),
    "an unknown type": (b'{"type": "dance"}\n', "no message of type"),
    "a type of 900 KB": (b'{"type": "' + b"x" * 900_000 + b'"}\n', "no message of type"),
    "an id out of the folder": (b'{"type": "cancel", "id": "../../etc"}\n', "id has"),
    "an empty id": (b'{"type": "cancel", "id": ""}\n', "id has"),
    "an id of 65 letters": (b'{"type": "cancel", "id": "' + b"a" * 65 + b'"}\n', "id has"),
    "an id with a line's end": (b'{"type": "cancel", "id": "a\\n"}\n', "id has"),
    "an id of other digits": ('{"type": "cancel", "id": "٣"}\n'.encode(), "id has"),
    "a version that is true": (b'{"type": "hello", "protocol": true, "client": "x"}\n', "field protocol"),
    "a version that is NaN": (b'{"type": "hello", "protocol": NaN, "client": "x"}\n', "field protocol"),
    "parameters that are a list": (_SUBMIT.replace(b"{}", b"[]"), "field parameters"),
    "no folder": (_SUBMIT.replace(b'"folder"', b'"holder"'), "field folder"),
    "a line of 3 MB": (b"x" * (3 << 20) + b"\n", "longer than"),
    "a line without an end": (b"x" * (3 << 20), "longer than"),
    "a good line after a long one": (_HELLO + b" " * (3 << 20) + b"\n", "longer than"),
}

_GOOD = hashlib.sha256(b"good").hexdigest()


def _assets(manifest: bytes | None, content: bytes | None = b"good") -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        if manifest is not None:
            (folder / "manifest.json").write_bytes(manifest)
        if content is not None:
            (folder / "model.bin").write_bytes(content)
        return folder
    return build


def _listed(**entry: object) -> bytes:
    return json.dumps({"model.bin": {"bytes": 4, "sha256": _GOOD, "licence": "CC0-1.0", "source": "here",
        **entry}}).encode()


def _huge_asset(folder: Path) -> Path:
    _assets(_listed())(folder)
    return sparse("model.bin")(folder).parent


_MANIFESTS: dict[str, tuple[bytes | None, str]] = {
    "no list": (None, "cannot be read"),
    "an empty list": (b"", "cannot be read"),
    "half a list": (b'{"model.bin": ', "cannot"),
    "zeros": (bytes(99), "cannot be read"),
    "a list of lists": (b"[[]]", "cannot be read|not listed"),
    "null": (b"null", "cannot be read"),
    "deep": (b"[" * 100_000, "cannot be read"),
    "no such file": (b"{}", "not listed"),
    "an entry without a size": (b'{"model.bin": {}}', "cannot be read"),
    "an entry that is a number": (b'{"model.bin": 5}', "cannot be read"),
    "another size": (_listed(bytes=5), "has 4 bytes instead of 5"),
    "a negative size": (_listed(bytes=-1), "has 4 bytes instead of -1"),
    "another hash": (_listed(sha256="0" * 64), "was changed"),
    "a hash that is a number": (_listed(sha256=0), "was changed"),
}

_NAMES: dict[str, tuple[str, str]] = {
    "nothing": ("", "needs a name"),
    "blanks": ("  \t ", "needs a name"),
    "default": ("Default", "belongs to"),
    "a way up": ("../../evil", "cannot be named"),
    "a folder": ("a/b", "cannot be named"),
    "a root": ("/etc", "cannot be named"),
    "a drive": ("C:\\x", "cannot be named"),
    "a device": ("CON", "cannot be named"),
    "a device with an end": ("nul.txt", "cannot"),
    "an option": ("-rf", "cannot be named"),
    "a hidden file": (".files", "cannot be named"),
    "a dot at the end": ("x.", "cannot"),
    "a null": ("a\0b", "cannot be named"),
    "a line's end": ("a\nb", "cannot be named"),
    "an escape": ("\x1b[2J", "cannot"),
    "text that turns around": ("a\u202egnp", "cannot be named"),
    "half a letter": ("\udcff", "cannot be named"),
    "5,000 letters": ("x" * 5000, "too long"),
    "300 bytes": ("顔" * 64 + "顔顔", "too long"),
    "wild cards": ("a*?", "cannot"),
}

_RECORD = {"format": 1, "likeness": "0.1.0", "name": "x", "kind": "flame", "licence": "", "attribution": "",
    "source": "",
           "sha256": "", "imported": "", "vertices": 3, "report": {}, "notes": []}
_RECORDS: dict[str, bytes] = {
    "nothing": b"",
    "half": json.dumps(_RECORD).encode()[:50],
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "not UTF-8": b"\xff",
    "another format": json.dumps({**_RECORD, "format": 2}).encode(),
    "more fields": json.dumps({**_RECORD, "evil": 1}).encode(),
    "a name that is a number": json.dumps({**_RECORD, "name": 5}).encode(),
    "a name that leads out": json.dumps({**_RECORD, "name": "../../x"}).encode(),
    "notes that are a number": json.dumps({**_RECORD, "notes": 5}).encode(),
    "vertices of infinity": json.dumps({**_RECORD, "vertices": float("inf")}).encode(),
}


def _shelf(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        (folder / "x").mkdir()
        make(folder / "x")
        return folder
    return build


def _folder(folder: Path) -> Path:
    (folder / "import.json").mkdir()
    return folder


_NOTE = {"folder": "x", "parameters": {}, "name": "x", "level": "base", "bundle": "", "begun": 0.0, "id": "a"}


_DONE = {"photo": "a.jpg", "key": "0" * 32, "error": None}
_LEDGERS: dict[str, bytes] = {
    "nothing": b"",
    "half": json.dumps(_DONE).encode()[:30],
    "zeros": bytes(5000),
    "not UTF-8": b"\xff\xfe\xfd\n" * 9,
    "deep": b"[" * 100_000 + b"\n",
    "a list": b"[]\n",
    "numbers": b'{"photo": 1, "key": 2, "error": null}\n',
    "tables": b'{"photo": {}, "key": [], "error": null}\n',
    "another photo": json.dumps({**_DONE, "photo": "../../a.jpg"}).encode() + b"\n",
    "a key of another avatar": json.dumps({**_DONE, "key": "x"}).encode() + b"\n",
    "done and then failed": json.dumps(_DONE).encode() + b"\n" + json.dumps({**_DONE, "error": {}}).encode() + b"\n",
    "a line of 900 KB": json.dumps({**_DONE, "more": "x" * 900_000}).encode() + b"\n",
    "a line of 100 MB": b'{"photo": "' + b"x" * 100_000_000,
    "a million lines": b"{}\n" * 1_000_000,
}


def _batch(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """A folder of avatars in which a stranger's list lies; one avatar is there already."""
    def build(folder: Path) -> Path:
        (folder / "a").mkdir()
        (folder / "a" / "avatar.json").write_text("{}")
        make(folder)
        return folder
    return build


def _folder_called(name: str) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        (folder / name).mkdir()
        return folder
    return build


def cases() -> Iterator[Case]:
    """Every case of this room."""
    for name, (content, words) in _LINES.items():
        yield Case(f"line: {name}", "line", file("lines", content), words, 1)
    yield Case("lines of 4 GB without an end", "line", sparse("lines"), "longer than", 1)
    for name, (manifest, words) in _MANIFESTS.items():
        yield Case(f"assets: {name}", "assets", _assets(manifest), words, 1)
    yield Case("assets: a file that is gone", "assets", _assets(_listed(), None), "cannot be read", 1)
    yield Case("assets: another file", "assets", _assets(_listed(), b"evil"), "was changed", 1)
    yield Case("assets: a file of 4 GB", "assets", _huge_asset, "has 4294967296 bytes instead of 4", 1)
    yield Case("assets: a list of 4 GB", "assets", lambda folder: sparse("manifest.json")(folder).parent, "cannot", 1)
    yield Case("assets: as it should be", "assets", _assets(_listed()), "", 0)
    for name, (text, words) in _NAMES.items():
        yield Case(f"name of a head: {name}", "name", file("name", text.encode("utf-8", "surrogateescape")), words)
    for name, content in _RECORDS.items():
        yield Case(f"record: {name}", "record", _shelf(file("import.json", content)), "", 0)
    yield Case("record of 4 GB", "record", _shelf(sparse("import.json", b"{")), "", 0)
    yield Case("record that is a folder", "record", _shelf(_folder), "", 0)
    for name, content in _LEDGERS.items():
        yield Case(f"list of a batch: {name}", "ledger", _batch(file("likeness-batch.jsonl", content)), "", 0)
    yield Case("list of a batch of 4 GB", "ledger", _batch(sparse("likeness-batch.jsonl")), "", 0)
    yield Case("list of a batch that is a folder", "ledger", _batch(_folder_called("likeness-batch.jsonl")), "", 0)
    yield Case("list of a batch that is a device", "ledger", _batch(link("likeness-batch.jsonl", "/dev/zero")), "", 0)
    yield Case("list of a batch that is a pipe", "ledger", _batch(pipe("likeness-batch.jsonl")), "", 0)
    for name, make in {"a folder": _folder_called("likeness-job"), "a device": link("likeness-job", "/dev/zero"),
                       "a pipe": pipe("likeness-job"), "a link to a file": link("likeness-job", "/etc/passwd"),
                       "a link to nowhere": link("likeness-job", "nowhere")}.items():
        yield Case(f"mark of a job that is {name}", "claim", make, "is no file of Likeness")
    yield Case("mark of a job of 4 GB", "claim", sparse("likeness-job"), "", 0)
    for name, make in {"a pipe": pipe("a.jpg"), "a device": link("a.jpg", "/dev/zero"),
                       "a folder": _folder_called("a.jpg"), "a link to nowhere": link("a.jpg", "gone")}.items():
        yield Case(f"photo of a batch that is {name}", "key", make, "", 0)
    strange: dict[str, Callable[[str], Callable[[Path], Path]]] = {
        "a pipe": pipe, "a device": lambda name: link(name, "/dev/zero")}
    for what, making in strange.items():
        yield Case(f"record that is {what}", "record", _shelf(making("import.json")), "", 0)
        yield Case(f"kept stage that is {what}", "kept", making("capture.npz"), "", 0)
        yield Case(f"note of a job that is {what}", "note", making("a.json"), "", 0)
    tree = b'{"items": [], "tuple": true}'
    for name, kept in {"nothing": b"", "zeros": bytes(999), "half": zipped({"tree.npy": tree})[:40],
        "no tree": zipped({}),
                       "another tree": zipped({"tree.npy": tree}),
                       "deep": zipped({"tree.npy": b"[" * 100_000})}.items():
        yield Case(f"kept stage: {name}", "kept", file("capture.npz", kept), "", 0)
    yield Case("kept stage of 4 GB", "kept", sparse("capture.npz"), "", 0)
    for name, note in {"nothing": b"", "half": json.dumps(_NOTE).encode()[:30], "deep": b"[" * 100_000, "a list": b"[]",
                       "another id": json.dumps({**_NOTE, "id": "../../x"}).encode(), "no time": json.dumps(
                           {**_NOTE, "begun": "x"}).encode(), "more": json.dumps({**_NOTE,
                               "evil": 1}).encode()}.items():
        yield Case(f"note of a job: {name}", "note", file("a.json", note), "", 0)
    yield Case("note of a job of 4 GB", "note", sparse("a.json", b"{"), "", 0)
