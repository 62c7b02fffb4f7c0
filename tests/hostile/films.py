"""Videos: cut at every box, absurd sizes and lengths, boxes in circles, bombs, lists that lead elsewhere, no pictures.

The seeds show no face, so that whatever still decodes is refused as well; one film at the end may be read.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from tests.hostile.case import Case, cuts, file, link, pipe, sparse
from tests.video import films

_REFUSED = (r"shows no face|damaged|no picture|a single picture|not a video of a kind|holds text|is empty|only sound|"
            r"claims pictures")
_CODES = {"mp4": "mp4v", "mov": "mp4v", "mkv": "mp4v", "webm": "VP80", "avi": "MJPG"}
_SIDES = 128, 96
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf")
_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


@cache
def seed(suffix: str) -> bytes:
    """A film of a dozen frames of noise, as OpenCV writes it."""
    noise = np.random.default_rng(4)
    with TemporaryDirectory(prefix="likeness-seed-") as name:
        path = Path(name) / f"film.{suffix}"
        films.write(path, (noise.integers(60, 90, (_SIDES[1], _SIDES[0], 3), np.uint8) for _ in range(12)),
                    code=_CODES[suffix])
        return path.read_bytes()


def places(suffix: str, content: bytes) -> Iterator[tuple[str, int]]:
    """The structural boundaries of a film."""
    if suffix in ("mp4", "mov"):
        for name, start, length in boxes(content):
            yield from ((f"in {name}'s head", start + 6), (f"after {name}'s head", start + 8),
                        (f"in {name}", start + length // 2 + 4), (f"after {name}", start + length))
    elif suffix == "avi":
        for name in ("hdrl", "avih", "strl", "strh", "strf", "movi", "00dc", "idx1"):
            at = content.find(name.encode())
            yield from ((f"before {name}", at), (f"after {name}", at + 4), (f"in {name}", at + 20))
    else:
        for name, mark in (("segment", _SEGMENT), ("info", b"\x15\x49\xa9\x66"), ("tracks", b"\x16\x54\xae\x6b"),
                           ("cluster", _CLUSTER), ("block", b"\xa3"), ("cues", b"\x1c\x53\xbb\x6b")):
            at = content.find(mark, 40)
            yield from ((f"before {name}", at), (f"in {name}'s head", at + len(mark)), (f"in {name}", at + 24))
    yield "one byte short", len(content) - 1


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int]]:
    """Name, place and length of every box of an MP4, those within boxes as well."""
    end = len(content) if end is None else end
    while start + 8 <= end:
        length, name = struct.unpack_from(">I", content, start)[0], content[start + 4:start + 8]
        yield name.decode("latin1"), start, length
        if name in _CONTAINERS:
            yield from boxes(content, start + 8, start + length)
        start += max(length, 8)


def box(name: bytes, content: bytes, length: int | None = None) -> bytes:
    """A box of an MP4, which may lie about its length."""
    return struct.pack(">I", 8 + len(content) if length is None else length) + name + content


def _put(suffix: str, mark: bytes, beyond: int, value: bytes) -> bytes:
    """A seed with other bytes so many beyond the first place of a mark."""
    content = bytearray(seed(suffix))
    at = content.index(mark) + beyond
    content[at:at + len(value)] = value
    return bytes(content)


_START = box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")


def _without(name: bytes) -> bytes:
    """An MP4 of whose boxes one is called otherwise, so that it is passed over."""
    return seed("mp4").replace(name, b"free", 1)


def _deep(levels: int) -> bytes:
    content = b""
    for _ in range(levels):
        content = box(b"moov", content)
    return _START + content


def _table(name: bytes, entries: int) -> bytes:
    """An MP4 whose table claims so many entries."""
    content = bytearray(seed("mp4"))
    at = content.index(name) + (12 if name == b"stsz" else 8)
    content[at:at + 4] = struct.pack(">I", entries)
    return bytes(content)


def _elsewhere(url: bytes) -> bytes:
    """An MP4 whose pictures are said to lie in another file (ISO/IEC 14496-12, 8.7.2)."""
    entry = box(b"url ", bytes(4) + url + b"\0")
    whole, old = seed("mp4"), seed("mp4").index(b"dref") - 4
    length = struct.unpack_from(">I", whole, old)[0]
    new = box(b"dref", struct.pack(">II", 0, 1) + entry)
    content = bytearray(whole[:old] + new + whole[old + length:])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        at = content.index(name) - 4
        content[at:at + 4] = struct.pack(">I", struct.unpack_from(">I", content, at)[0] + len(new) - length)
    return bytes(content)


@cache
def _large_jpeg(side: int) -> bytes:
    """A grey picture of so many pixels a side, a kilobyte for each million."""
    out = io.BytesIO()
    Image.new("L", (side, side), 90).save(out, "JPEG", quality=5)
    return out.getvalue()


def _motion_jpeg(pictures: list[bytes], width: int, height: int, count: int | None = None) -> bytes:
    """An AVI of JPEG pictures with any size and number in its head."""
    number = len(pictures) if count is None else count
    head = struct.pack("<14I", 40_000, 0, 0, 0x10, number, 0, 1, 1 << 20, width, height, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack("<10I", 0, 0, 0, 1, 25, 0, number, 1 << 20, 10_000, 0) + bytes(8)
    form = struct.pack("<IiiHH", 40, width, height, 1, 24) + b"MJPG" + bytes(20)
    def part(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    header = part(b"LIST", b"hdrl" + part(b"avih", head) + part(
        b"LIST", b"strl" + part(b"strh", stream) + part(b"strf", form)))
    return part(b"RIFF", b"AVI " + header + part(b"LIST", b"movi" + b"".join(
        part(b"00dc", picture) for picture in pictures)))


def _small() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", _SIDES, (90, 60, 40)).save(out, "JPEG")
    return out.getvalue()


def _others() -> Iterator[tuple[str, bytes, str]]:
    """The file's name, its content, what has to be said."""
    huge = struct.pack(">I", 0x7FFFFFFF)
    yield "empty.mp4", b"", r"^empty\.mp4 is empty\. Copy"
    yield "one.mp4", b"\0", "not a video of a kind"
    yield "zeros.mov", bytes(5000), "not a video of a kind"
    yield "noise.mkv", np.random.default_rng(3).bytes(5000), "not a video of a kind"
    yield "head.mp4", _START, _REFUSED
    yield "head.mkv", b"\x1a\x45\xdf\xa3", _REFUSED
    yield "head.avi", b"RIFF\xff\xff\xff\x7fAVI ", _REFUSED
    yield "list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", "holds text"
    yield "list.mkv", b"ffconcat version 1.0\nfile /etc/passwd\n", "holds text"
    yield "page.webm", b"<!DOCTYPE html><html>Please log in</html>".ljust(99), "holds text"
    yield "photo.mp4", box(b"ftyp", b"heic" + bytes(16)) + bytes(99), "not a video of a kind"
    yield "mkv.mp4", seed("mkv"), _REFUSED
    yield "mp4.webm", seed("mp4"), _REFUSED
    yield "avi.mov", seed("avi"), _REFUSED
    yield "顔 😀 ä\u0301.mp4", seed("mp4"), "顔 😀 ä\u0301.mp4 shows no face"
    yield "a\u202e4pm.exe.mp4", seed("mp4"), "shows no face"
    yield "\x1b[31mred.mp4", seed("mp4"), "shows no face"
    yield "-i http.mp4", seed("mp4"), "shows no face"
    yield "%d%s.mp4", seed("mp4"), "shows no face"
    yield "concat:a|b.mp4", seed("mp4"), "shows no face"
    yield "wide.mp4", _put("mp4", b"mp4v", 28, b"\xff\xff\xff\xff"), _REFUSED
    yield "nothing.mp4", _put("mp4", b"mp4v", 28, bytes(4)), _REFUSED
    yield "wide.avi", _motion_jpeg([_small()], 60_000, 60_000), _REFUSED
    yield "minus.avi", _motion_jpeg([_small()] * 3, 0x80000000 - 5, 7), _REFUSED
    yield "many.avi", _motion_jpeg([_small()] * 3, *_SIDES, count=0xFFFFFFFF), _REFUSED
    yield "none.avi", _motion_jpeg([], *_SIDES), _REFUSED
    yield "one.avi", _motion_jpeg([_small()], *_SIDES), _REFUSED
    yield "rubbish.avi", _motion_jpeg([b"\xff\xd8" + bytes(900)] * 3, *_SIDES), _REFUSED
    yield "smaller.avi", _motion_jpeg([_small(), _large_jpeg(16)] * 3, *_SIDES), _REFUSED
    yield "wide.mkv", _put("mkv", b"\xb0\x81\x80", 0, b"\xb0\x84\x7f"), _REFUSED
    yield "tracks.mkv", seed("mkv").replace(b"\x16\x54\xae\x6b", b"\x16\x54\xae\x6c", 1), _REFUSED
    yield "endless.mkv", _put("mkv", _SEGMENT, 4, b"\x01\xff\xff\xff\xff\xff\xff\xff"), _REFUSED
    yield "circle.mkv", _circle(), _REFUSED
    yield "deep.mkv", b"\x1a\x45\xdf\xa3\x80" + (_SEGMENT + b"\x01" + bytes(7)) * 500, _REFUSED
    yield "deep.mp4", _deep(2000), _REFUSED
    yield "circle.mp4", _START + box(b"moov", box(b"trak", b""), length=8) + box(b"moov", b"", length=0), _REFUSED
    yield "backwards.mp4", _START + box(b"moov", bytes(64), length=0xFFFFFFF0), _REFUSED
    yield "boxes.mp4", _START + box(b"free", b"") * 50_000 + box(b"moov", b""), _REFUSED
    yield "none.mp4", _START + box(b"moov", b"") + box(b"mdat", b""), _REFUSED
    yield "long.mp4", _START + struct.pack(">I4sQ", 1, b"moov", 2**63) + bytes(64), _REFUSED
    yield "duration.mp4", _put("mp4", b"mvhd", 20, huge), "shows no face"
    yield "still.mp4", _put("mp4", b"mdhd", 16, bytes(4)), _REFUSED
    yield "slow.mp4", _put("mp4", b"stts", 16, huge), _REFUSED
    yield "frozen.mp4", _put("mp4", b"stts", 16, bytes(4)), _REFUSED
    for name in (b"stsz", b"stco", b"stsc", b"stts"):
        yield f"{name.decode()}.mp4", _table(name, 0xFFFFFFFF), _REFUSED
        yield f"no {name.decode()}.mp4", _without(name), _REFUSED
    for name in (b"trak", b"mdia", b"hdlr", b"stsd", b"mdat"):
        yield f"no {name.decode()}.mp4", _without(name), _REFUSED
    yield "offsets.mp4", _put("mp4", b"stco", 12, struct.pack(">I", 8)), _REFUSED
    yield "far.mp4", _put("mp4", b"stco", 12, b"\xff\xff\xff\xf0"), _REFUSED
    yield "codec.mp4", seed("mp4").replace(b"mp4v", b"evil"), _REFUSED
    yield "elsewhere.mp4", _elsewhere(b"file:///etc/passwd"), "shows no face"
    yield "sent for.mp4", _elsewhere(b"http://127.0.0.1:9/x"), "shows no face"


def _circle() -> bytes:
    """A Matroska whose list of places leads to itself."""
    entry = b"\x4d\xbb" + b"\x8b" + b"\x53\xab\x84\x11\x4d\x9b\x74" + b"\x53\xac\x81\x00"
    return b"\x1a\x45\xdf\xa3\x80" + _SEGMENT + b"\x01" + bytes(6) + b"\x80" + b"\x11\x4d\x9b\x74" + bytes(
        [0x80 | len(entry)]) + entry + bytes(200)


def _folder(folder: Path) -> Path:
    (folder / "film.mp4").mkdir()
    return folder / "film.mp4"


def _known(folder: Path) -> Path:
    from tests.tracking.test_film import face, rolling

    return films.write(folder / "ada.mp4", rolling(face(), 4 * np.sin(np.arange(8.0))), fps=30)


def cases() -> Iterator[Case]:
    """Every case of this room."""
    for suffix in _CODES:
        content = seed(suffix)
        for label, left in cuts(content, places(suffix, content)):
            yield Case(f"{suffix} cut {label}", "film", file(f"cut.{suffix}", left), _REFUSED)
        yield Case(f"{suffix} without its magic", "film", file(f"magic.{suffix}", b"\xee" * 12 + content[12:]),
                   "not a video of a kind")
        yield Case(f"{suffix} of 4 GB", "film", sparse(f"huge.{suffix}", content), _REFUSED,
                   slow=suffix not in ("mp4", "mov"))  # no index: a decoder searches on through nothing
    yield Case("mp4 of 4 GB without an index", "film", sparse("huge.mp4", _START), _REFUSED)
    yield Case("mp4 with an index of 4 GB", "film", sparse("index.mp4", _START + box(b"moov", b"", 0xFFFFFF00)),
               _REFUSED)
    yield Case("mkv of 4 GB without an end", "film", sparse("head.mkv", b"\x1a\x45\xdf\xa3\x80" + _SEGMENT + b"\x01"
                                                            + b"\xff" * 7), _REFUSED, slow=True)
    for name, content, words in _others():
        yield Case(f"film {name!r}"[:60], "film", file(name, content), words)
    yield Case("film of 36 million pixels a picture in 37 KB", "large film", file("legal.avi", _motion_jpeg(
        [_large_jpeg(6000)] * 3, 6000, 6000)), "shows no face")
    yield Case("film of small pictures with one of 250 million pixels", "large film", file("bomb.avi", _motion_jpeg(
        [_small(), _small(), _large_jpeg(15_800), _small()], *_SIDES)), _REFUSED)
    yield Case("film that is a folder", "film", _folder, r"^film\.mp4 is a folder, not a video\. Give")
    yield Case("film that is a pipe", "film", pipe("film.mp4"), "no file that holds a video")
    yield Case("film that is a device", "film", link("zero.mp4", "/dev/zero"), "no file that holds a video")
    yield Case("film that is a link to itself", "film", link("loop.mp4", "loop.mp4"), "cannot be read|no file")
    yield Case("film that is a link to nowhere", "film", link("gone.mp4", "nowhere"), "There is no file")
    yield Case("film that is a link to words", "film", link("passwd.mp4", "/etc/passwd"), "holds text")
    yield Case("film that is not there", "film", lambda folder: folder / "nobody.mp4", r"^There is no file nobody\.mp4")
    yield Case("film with a null in its name", "film", lambda folder: folder / "a\0b.mp4", "cannot be read")
    yield Case("film with a name of 5,000 letters", "film", lambda folder: folder / ("x" * 5000 + ".mp4"),
               "cannot be read")
    for suffix in ("mp4", "webm"):
        yield Case(f"frames of {suffix} without a face", "film's photos", file(f"a.{suffix}", seed(suffix)),
                   "no usable face in any of its 12 frames")
    yield Case("frames of an mp4 without pictures", "film's photos", file("a.mp4", _without(b"stsz")), _REFUSED)
    yield Case("film of a face", "film", _known, "", 0)
    yield Case("frames of a film of noise", "stream", file("film.mp4", seed("mp4")), "", 0)
    yield Case("frames of half a film", "stream", file("film.mp4", seed("mp4")[:2000]), "damaged")
    yield Case("frames of a film of words", "stream", file("film.avi", b"words"), "holds text")
