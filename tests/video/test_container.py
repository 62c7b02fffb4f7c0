"""What is let through to a decoder, and what is said of everything else."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.video.container import is_film, look, sha256_of
from tests.video import films


def box(name: bytes, content: bytes) -> bytes:
    """A box of an MP4."""
    return struct.pack(">I", 8 + len(content)) + name + content


@pytest.mark.parametrize("content", [
    b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"<?xml version='1.0'?><MPD></MPD>"])
def test_lists_that_lead_to_other_files_are_refused_whatever_they_are_called(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content.ljust(200))
    with pytest.raises(InputError, match=r"clip\.mp4 holds text, not a video"):
        look(path)


def test_what_is_no_film_is_said_in_a_sentence(tmp_path: Path) -> None:
    cases = {"empty.mp4": (b"", "is empty"), "noise.mp4": (bytes(range(256)) * 4, "not a video of a kind"),
             "photo.mov": (box(b"ftyp", b"heic" + bytes(60)), "not a video of a kind")}
    for name, (content, sentence) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} .*{sentence}"):
            look(tmp_path / name)
    with pytest.raises(InputError, match="folder"):
        look(tmp_path)
    with pytest.raises(InputError, match=r"gone\.mp4"):
        look(tmp_path / "gone.mp4")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="no file that holds a video"):
        look(tmp_path / "pipe.mp4")


@pytest.mark.parametrize(("transfer", "told"), [(1, ""), (16, "PQ"), (18, "HLG")])
def test_hdr_is_told_from_the_colour_box_behind_the_pictures(tmp_path: Path, transfer: int, told: str) -> None:
    colour = box(b"colr", b"nclx" + struct.pack(">HHHB", 9, transfer, 9, 0))
    path = tmp_path / "hdr.mov"
    path.write_bytes(box(b"ftyp", b"qt  " + bytes(4)) + box(b"mdat", bytes(5000)) + box(b"moov", colour))
    assert look(path).hdr == told


def test_hdr_is_told_from_a_matroska_header(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mkv"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(40) + b"\x55\xba\x81\x10" + bytes(40))
    assert look(path).hdr == "PQ"


def test_boxes_that_claim_anything_end_the_search(tmp_path: Path) -> None:
    for number, length in enumerate((0, 7, 1 << 31)):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(box(b"ftyp", bytes(16)) + struct.pack(">I", length) + b"free" + bytes(64))
        assert look(path).hdr == ""


def test_films_are_told_by_name_and_summed_in_pieces(tmp_path: Path) -> None:
    film = films.write(tmp_path / "a.mp4", films.grey(3))
    assert is_film(film)
    assert is_film(Path("B.MOV"))
    assert not is_film(Path("a.jpg"))
    assert len(sha256_of(film)) == 64
