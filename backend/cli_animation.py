"""The command `animation`: performances from one kind of file to another. Words and files; the work is elsewhere."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from backend.errors import InputError
from backend.streams import Streams

KINDS = (".npz", ".csv")


def add_parsers(commands: Any, said: argparse.ArgumentParser) -> None:
    """Add `animation` and what can be done with performances to the command line."""
    animation = commands.add_parser("animation", help="performances: animation.npz and Live Link Face's CSV")
    actions = animation.add_subparsers(dest="action", required=True, metavar="ACTION")
    convert = actions.add_parser("convert", parents=[said], help="read one kind of file, write the other")
    convert.add_argument("source", type=Path, metavar="IN", help="an animation .npz, or a .csv of Live Link Face")
    convert.add_argument("target", type=Path, metavar="OUT", help="the .npz or .csv to write")
    convert.add_argument("--timecode-rate", type=float, metavar="FPS",
                         help="what a CSV's timecodes count at (default: found out)")


def run(options: argparse.Namespace, out: Streams) -> int:
    """One of the commands; the exit status."""
    return _convert(options, out)


def _convert(options: argparse.Namespace, out: Streams) -> int:
    from backend.animation import livelink
    from backend.animation.clip import read_npz, write_npz

    for path in (options.source, options.target):
        if path.suffix.lower() not in KINDS:
            raise InputError(f"{path.name} ends in neither .npz nor .csv.", "Say which kind of file it is.")
    if options.timecode_rate is not None and not 1 <= options.timecode_rate <= 1000:
        raise InputError(f"Timecodes do not count at {options.timecode_rate:g}.", "Choose from 1 to 1000.")
    notes: tuple[str, ...] = ()
    if options.source.suffix.lower() == ".csv":
        reading = livelink.read_csv(options.source, options.timecode_rate)
        clip, notes = reading.clip, reading.notes
    else:
        clip = read_npz(options.source)
    write = write_npz if options.target.suffix.lower() == ".npz" else livelink.write_csv
    write(clip, options.target)
    told = {"file": str(options.target), "frames": len(clip), "seconds": round(clip.seconds, 3),
            "rate": round(clip.rate, 3), "lost": int(clip.lost.sum()), "notes": list(notes)}
    for note in notes:
        out.err.write(f"Note: {note}\n")
    if options.json:
        out.out.write(json.dumps(told, indent=1) + "\n")
    else:
        out.err.write(f"{told['frames']} frames, {told['seconds']:.1f} s, {told['lost']} of them bridged.\n")
        out.out.write(f"{options.target}\n")
    return 0
