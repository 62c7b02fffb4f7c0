"""The command line: `create`, `batch`, `head`, `animation`, `track`, `doctor`, `serve`. Words, exit codes; no work.

Exit codes: 0 done, 2 bad input (one sentence), 1 a bug or a broken installation, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from backend import __version__, cli_animation, cli_head, crash, guard, memory, streams
from backend.devices import CHOICES
from backend.errors import Cancelled, InputError, LikenessError
from backend.streams import Streams

_RESOLUTIONS = (1024, 2048, 4096)
_REFLECTANCE = ("classical", "networks")
_ONE_PRESS_S = 0.5


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[0].upper()}{message[1:]}.", f"See {self.prog} --help.")


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    try:
        options = _parser().parse_args(arguments)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if options.command == "serve":
        _serve()
    if options.command == "work":
        _work()
    if options.command != "batch" and not guard.is_inside():  # a batch has children of its own
        return _guarded(arguments, options)
    return guard.ended(_run(options))


def _guarded(arguments: Sequence[str], options: argparse.Namespace) -> int:
    """A command in a child; what that could not say itself is said here."""
    status, death = guard.run(arguments)
    if death is None:
        return status
    return _say_error(death, options, Streams(sys.stdout, sys.stderr, None))


def _run(options: argparse.Namespace) -> int:
    """A command for a person: Ctrl-C and errors become a sentence and an exit code."""
    out = streams.reserve(quiet=not options.verbose)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        commands = {"create": _create, "batch": _batch, "head": _head, "animation": cli_animation.run, "track": _track,
                    "doctor": _doctor}
        return commands[options.command](options, out)
    except LikenessError as error:
        return _say_error(memory.sentence() if memory.is_behind(error) else error, options, out)
    except KeyboardInterrupt:
        return _say_error(Cancelled(), options, out)
    except Exception as error:  # whatever it is, a person gets a sentence and a file to send
        if memory.ran_out(error):
            return _say_error(memory.sentence(), options, out)
        bug = crash.Bug(crash.write_report(error, f"{options.command}", out.noise_tail()))
        return _say_error(bug, options, out)
    finally:
        out.out.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop at the next bytecode, tidily; a second time at once.

    A terminal's Ctrl-C comes twice: to us, and to the process that waits for us, which hands it on.
    """
    del frame
    first = time.monotonic()

    def again(*_: object) -> None:
        if time.monotonic() - first > _ONE_PRESS_S:
            os._exit(guard.ended(Cancelled.exit_code))

    signal.signal(number, again)
    raise Cancelled


def _say_error(error: LikenessError, options: argparse.Namespace, out: Streams) -> int:
    if options.json:
        _print_json(out, {"error": {"kind": error.kind, "message": error.message, "remedy": error.remedy}})
    out.err.write(f"{error}\n")
    return error.exit_code


def _print_json(out: Streams, value: dict[str, Any]) -> None:
    out.out.write(json.dumps(value, indent=1) + "\n")


def _create(options: argparse.Namespace, out: Streams) -> int:
    from backend.pipeline import Options, create

    chosen = Options(options.resolution, options.head, options.device, options.reflectance, options.face,
                     options.fresh, options.forget_inputs)
    folder = options.out.absolute()
    started = time.perf_counter()
    progress = _Progress(out)
    made = create(options.photos, folder, chosen, folder.parent / f".{folder.name}.likeness-job", progress)
    progress.end()
    if options.json:
        _print_json(out, made.as_json())
        return 0
    seconds = ", ".join(f"{stage['name']} {stage['seconds']:.1f}{' (kept)' if stage['cached'] else ''}"
                        for stage in made.metadata["stages"])
    for warning in made.metadata["quality"]["warnings"]:
        out.err.write(f"Note: {warning}\n")
    out.err.write(f"Done in {time.perf_counter() - started:.1f} s ({seconds}).\n")
    out.out.write(f"{made.bundle}\n")
    return 0


def _batch(options: argparse.Namespace, out: Streams) -> int:
    from backend import batch

    parameters = {"resolution": options.resolution, "head": options.head, "device": options.device,
                  "reflectance": options.reflectance, "face": options.face, "fresh": options.fresh,
                  "forget_inputs": options.forget_inputs}
    results = batch.run(options.folder, options.out.absolute(), parameters, options.workers,
                        lambda item: out.err.write(f"{item.sentence}\n"), scheduler=options.scheduler)
    failed = [item for item in results if item.error is not None]
    if options.json:
        _print_json(out, {"results": [item.as_json() for item in results]})
    out.err.write(f"{len(results) - len(failed)} of {len(results)} avatars made.\n")
    return max((item.exit_code for item in failed), key=(0, 2, 1).index, default=0)


def _head(options: argparse.Namespace, out: Streams) -> int:
    progress = _Progress(out)
    try:
        return cli_head.run(options, out, lambda fraction, text: progress("head", fraction, fraction, text))
    finally:
        progress.end()


def _track(options: argparse.Namespace, out: Streams) -> int:
    from backend.tracking.command import track

    progress = _Progress(out)
    try:
        told = track(options.video, options.avatar, options.out,
                     lambda fraction, text: progress("track", fraction, fraction, text))
    finally:
        progress.end()
    if options.json:
        _print_json(out, told)
        return 0
    for finding in told["video"]["findings"]:
        out.err.write(f"Note: {finding['text']}\n")
    out.err.write(f"{told['frames']} frames, {told['seconds']:.1f} s, {told['lost']} of them bridged.\n")
    out.out.write(f"{options.out}\n")
    return 0


def _doctor(options: argparse.Namespace, out: Streams) -> int:
    from backend import doctor

    findings = doctor.examine()
    if options.json:
        _print_json(out, {"findings": [finding.as_json() for finding in findings]})
    else:
        for finding in findings:
            out.out.write(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name:<22} {finding.text}\n")
    return 0 if all(finding.ok for finding in findings) else 1


def _serve() -> NoReturn:
    from backend.protocol import Writer
    from backend.server import Server

    out = streams.reserve(quiet=False)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the client, which closes our pipe
    try:
        status = Server(sys.stdin.buffer, Writer(out.out)).run()
    except Cancelled as error:
        status = error.exit_code
    _exit(status, out)


def _work() -> NoReturn:
    from backend import jobs
    from backend.protocol import Writer

    out = streams.reserve(quiet=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _exit(jobs.work(sys.stdin.buffer, Writer(out.out)), out)


def _exit(status: int, out: Streams) -> NoReturn:
    """Leave now: a thread still reads standard input, on which Python's own way out would abort."""
    out.out.flush()
    out.err.flush()
    os._exit(status)


class _Progress:
    """Progress on standard error: one line that is rewritten on a terminal, a line a stage elsewhere."""

    def __init__(self, out: Streams) -> None:
        self._err, self._terminal, self._stage = out.err, out.err.isatty(), ""

    def __call__(self, stage: str, fraction: float, overall: float, text: str) -> None:
        """See `pipeline.StageProgress`."""
        del fraction
        if self._terminal:
            self._err.write(f"\r\x1b[K{overall:4.0%}  {stage}: {text}"[:110])
            self._err.flush()
        elif stage != self._stage:
            self._err.write(f"{overall:4.0%}  {stage}\n")
        self._stage = stage

    def end(self) -> None:
        """Leave a clean line."""
        if self._terminal:
            self._err.write("\r\x1b[K")


def _parser() -> _Parser:
    parser = _Parser(prog="likeness", description="From photos of a face to a rigged head with skin maps.")
    parser.add_argument("--version", action="version", version=f"likeness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    said = _Parser(add_help=False)
    said.add_argument("--json", action="store_true", help="results on standard output as JSON")
    said.add_argument("--verbose", action="store_true", help="also show what libraries say")
    made = _Parser(add_help=False)
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the avatar goes")
    made.add_argument("--resolution", type=int, choices=_RESOLUTIONS, default=2048, help="texels of the skin maps")
    made.add_argument("--head", default="default", metavar="NAME|FILE",
                      help="an imported head, or a model's file (default: default)")
    made.add_argument("--device", choices=CHOICES, default="auto")
    made.add_argument("--reflectance", choices=_REFLECTANCE, default="classical",
                      help="how skin is told from light (default: classical)")
    made.add_argument("--face", type=int, metavar="N", help="which face, when a photo shows several")
    made.add_argument("--fresh", action="store_true", help="forget what an interrupted run left")

    made.add_argument("--forget-inputs", action="store_true",
                      help="keep no name, hash or pixel of the photos in the avatar's folder")

    create = commands.add_parser("create", parents=[said, made], help="an avatar from photos or a video of one person")
    create.add_argument("photos", nargs="+", type=Path, metavar="PHOTO|VIDEO")
    batch = commands.add_parser("batch", parents=[said, made], help="an avatar from every photo and video in a folder")
    batch.add_argument("folder", type=Path, metavar="FOLDER")
    batch.add_argument("--workers", type=int, default=1, metavar="N", help="how many at a time (default: 1)")
    batch.add_argument("--scheduler", metavar="ADDRESS", help="let a Dask cluster work, such as tcp://farm:8786")
    cli_head.add_parsers(commands, said)
    cli_animation.add_parsers(commands, said)
    track = commands.add_parser("track", parents=[said], help="what an avatar's person does in a video")
    track.add_argument("video", type=Path, metavar="VIDEO")
    track.add_argument("--avatar", type=Path, required=True, metavar="DIR", help="the avatar of that person")
    track.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .npz or .csv to write")
    commands.add_parser("doctor", parents=[said], help="what is installed, what is missing, how fast this machine is")
    commands.add_parser("serve", help="speak the add-on's protocol on standard input and output")
    commands.add_parser("work")  # a server's child; without help text it is not listed
    return parser
