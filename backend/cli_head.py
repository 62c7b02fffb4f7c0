"""`likeness head ...`: import, list and remove head models. Parsing, questions and words; no work."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from backend.core.progress import Progress
from backend.errors import InputError
from backend.streams import Streams

LICENCES = (
    "FLAME: non-commercial scientific research only (2016, 2019, 2020, 2023)",
    "CC-BY-4.0 (FLAME 2023 Open)",
    "MIT (ICT-FaceKit)",
)


def add_parsers(commands: Any, said: argparse.ArgumentParser) -> None:
    """Add `head` and what can be done with heads to the command line."""
    head = commands.add_parser("head", help="bring your own head model: FLAME, ICT-FaceKit, plain arrays")
    actions = head.add_subparsers(dest="action", required=True, metavar="ACTION")
    bring = actions.add_parser("import", parents=[said], help="read and register a head model, once")
    bring.add_argument("file", type=Path, metavar="FILE", help="a FLAME .pkl or .npz, a plain .npz, an ICT folder")
    bring.add_argument("--name", required=True, help="what to call it in --head")
    bring.add_argument("--licence", metavar="TEXT", help="under which licence you have it (else you are asked)")
    bring.add_argument("--replace", action="store_true", help="in place of the head that has the name")
    actions.add_parser("list", parents=[said], help="the heads there are")
    again = actions.add_parser("rebuild", parents=[said], help="geometry.npz again from a bundle's parameters.npz")
    again.add_argument("parameters", type=Path, metavar="PARAMETERS", help="parameters.npz, or the avatar's folder")
    again.add_argument("--out", type=Path, required=True, metavar="FILE", help="the geometry.npz to write")
    again.add_argument("--head", metavar="NAME|FILE", help="the head it was made with (else found by name)")
    remove = actions.add_parser("remove", parents=[said], help="forget an imported head")
    remove.add_argument("name", metavar="NAME")


def run(options: argparse.Namespace, out: Streams, progress: Progress) -> int:
    """One of the commands; the exit status. Progress is a line of its own on a terminal, which results overwrite."""
    actions = {"import": _import, "list": _list, "rebuild": _rebuild, "remove": _remove}
    return actions[options.action](options, out, progress)


def _import(options: argparse.Namespace, out: Streams, progress: Progress) -> int:
    from backend.core.progress import part
    from backend.head import library
    from backend.head.imports import read_head

    name = library.free_name(options.name, replace=options.replace)
    reading = read_head(options.file, part(progress, 0, 0.1))
    licence = options.licence or reading.licence or _ask(out, reading.file)
    entry = library.keep(reading, name, licence=licence, replace=options.replace, progress=part(progress, 0.1, 1))
    _clear_line(out)
    if options.json:
        _print_json(out, entry.as_json())
        return 0
    for note in entry.notes:
        out.err.write(f"Note: {note}\n")
    out.out.write(f"{entry.name}: {entry.vertices:,} vertices, licence: {entry.licence}\n")
    for part_of, values in entry.report.items():
        if part_of.endswith("_mm") and isinstance(values, dict):
            out.out.write(f"Registered: {part_of.removesuffix('_mm')} to {values['median']:.2f} mm in the median, "
                          f"{values['p95']:.2f} mm for 95 %, {values['max']:.2f} mm at most\n")
    out.out.write(f"Look at {entry.picture} to see how well.\n"
                  f"Use it with: create PHOTO --out DIR --head {_quoted(entry.name)}\n")
    return 0


def _list(options: argparse.Namespace, out: Streams, progress: Progress) -> int:
    from backend.head import library

    del progress
    found = library.heads()
    if options.json:
        _print_json(out, {"folder": str(library.library_folder()), "heads": [entry.as_json() for entry in found]})
        return 0
    width = max(len(entry.name) for entry in found)
    for entry in found:
        source = f", from {entry.source} on {entry.imported[:10]}" if entry.imported else ""
        old = "" if entry.reference == library.reference() else " (for an older default head: import it again)"
        out.out.write(f"{entry.name:<{width}}  {entry.vertices:>7,} vertices, {entry.licence}{source}{old}\n")
    return 0


def _rebuild(options: argparse.Namespace, out: Streams, progress: Progress) -> int:
    from backend.head import library, parameters
    from backend.head.model import HeadModel

    file = options.parameters / "parameters.npz" if options.parameters.is_dir() else options.parameters
    if options.out.is_dir():
        raise InputError(f"{options.out.name} is a folder.", "Name the file to write with --out.")

    def find(name: str) -> HeadModel:
        if options.head is None and name not in [entry.name for entry in library.heads()]:
            raise InputError(f"{file.name} was made with the head {name[:60]!r}, which is not in the library.",
                             "Import it under that name, or give its file with --head.")
        return library.find_head(options.head or name)

    parameters.rebuild(file, options.out, find, progress)
    _clear_line(out)
    if options.json:
        _print_json(out, {"geometry": str(options.out)})
    else:
        out.out.write(f"{options.out}\n")
    return 0


def _remove(options: argparse.Namespace, out: Streams, progress: Progress) -> int:
    from backend.head import library

    del progress
    library.remove_head(options.name)
    if options.json:
        _print_json(out, {"removed": options.name})
    else:
        out.err.write(f"The head {options.name} was removed. Avatars that were made with it stay as they are.\n")
    return 0


def _ask(out: Streams, file: str) -> str | None:
    """Which licence, of somebody who sits at a terminal; None where nobody does."""
    if not (sys.stdin is not None and sys.stdin.isatty() and out.err.isatty()):
        return None
    _clear_line(out)
    out.err.write(f"Under which licence do you have {file}?\n")
    for number, text in enumerate(LICENCES, 1):
        out.err.write(f"  {number}  {text}\n")
    while True:
        out.err.write("A number, or its name; Return if you do not know: ")
        out.err.flush()
        answer = sys.stdin.readline().strip()
        if not answer.isdigit():
            return answer or None
        if 1 <= int(answer) <= len(LICENCES):
            return LICENCES[int(answer) - 1]


def _clear_line(out: Streams) -> None:
    if out.err.isatty():
        out.err.write("\r\x1b[K")


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _print_json(out: Streams, value: dict[str, Any]) -> None:
    out.out.write(json.dumps(value, indent=1) + "\n")
