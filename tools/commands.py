"""What each verb of `build.py` does. Every function returns an exit status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools import checks, environments, locks, pins, sentences, validator
from tools import gui as windows
from tools import licences as licence_table
from tools import package as packages
from tools import train as training
from tools.paths import BLENDERS, DEMO_BLENDER, ROOT, SAMPLE_PHOTO, TESTED_BLENDERS
from tools.run import BuildError, run, say

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""What the backend sets for itself when it starts (`backend/__main__.py` says why)."""


def setup() -> int:
    """Make every environment the other verbs need."""
    environments.backend()
    for version in TESTED_BLENDERS:
        environments.blender(version)
    validator.ensure()
    return 0


def demo(photo: Path | None, resolution: int, face: int | None) -> int:
    """A photo through the add-on's own client and operators, into out/demo/."""
    photo = (photo or SAMPLE_PHOTO).resolve()
    if not photo.is_file():
        raise BuildError(f"There is no photo {photo.name} there. Give the path of a photo (JPEG, PNG, HEIC...).")
    backend_python = environments.backend()
    blender_python = environments.blender(DEMO_BLENDER)
    command: list[str | Path] = [
        blender_python, ROOT / "demo" / "in_blender.py", "--backend-python", backend_python, "--photo", photo,
        "--out", ROOT / "out" / "demo", "--resolution", str(resolution)]
    return run(command + (["--face", str(face)] if face is not None else []))


def test(all_blender: bool, gui: bool, pytest: list[str]) -> int:
    """Lint, types, the backend's tests, then the add-on's tests in every Blender asked for; or a window (`gui`)."""
    if gui:
        return windows.in_a_window()
    backend_python = environments.backend()
    blenders = {version: environments.blender(version) for version in (BLENDERS if all_blender else TESTED_BLENDERS)}
    validator.ensure()
    in_blender = [path for path in pytest if Path(path).resolve().is_relative_to(ROOT / "tests" / "blender")]
    in_backend = [path for path in pytest if path not in in_blender]
    results: dict[str, int] = {}
    if not pytest:
        results["lint and types"] = checks.lint(cold=True)
    if in_backend or not pytest:
        say("tests of the backend")
        chosen = in_backend or ["tests", "--ignore=tests/blender"]
        results["backend"] = run([backend_python, "-m", "pytest", *chosen], env=ONE_THREAD)
    if in_blender or not pytest:
        used = {"LIKENESS_BACKEND_PYTHON": str(backend_python), "LIKENESS_PACKAGE": str(packages.for_this_computer())}
        for version, python in blenders.items():
            say(f"tests in Blender {version}")
            results[f"Blender {version}"] = run([python, "-m", "pytest", *(in_blender or ["tests/blender"])], env=used)
    for name, status in results.items():
        say(f"{'passed' if status == 0 else 'FAILED'}  {name}")
    return 1 if any(results.values()) else 0


def lint() -> int:
    """ruff and mypy."""
    environments.backend()
    return checks.lint()


def fuzz(minutes: float, seed: int | None) -> int:
    """Changed files for the readers, for a while; then every case of the corpus, those too that take their time."""
    more = ["--seed", str(seed)] if seed is not None else []
    python = environments.backend()
    changed = run([python, "-m", "tests.hostile.fuzz", "--minutes", str(minutes), *more], env=ONE_THREAD)
    slow = run([python, "-m", "pytest", "tests/trust/test_corpus.py"], env={**ONE_THREAD, "LIKENESS_SLOW_CASES": "1"})
    return 1 if changed or slow else 0


def faults(runs: int, seed: int | None) -> int:
    """Killed jobs, then writing with a fault at every change of the disk."""
    python, more = environments.backend(), ["--seed", str(seed)] if seed is not None else []
    killed = run([python, "-m", "tests.trust.killing", "--runs", str(runs), *more], env=ONE_THREAD)
    every = run([python, "-m", "pytest", "tests/bundle/test_faults.py"], env={**ONE_THREAD, "LIKENESS_FAULT_STEP": "1"})
    return 1 if killed or every else 0


def licences() -> int:
    """The table of licences, from what is installed."""
    return licence_table.write()


def pin() -> int:
    """The hashes of all data that ships."""
    return pins.write()


def docs() -> int:
    """The page of every error sentence."""
    return sentences.write()


def package(platform: list[str] | None, out: Path | None) -> int:
    """The extension's zips and the index of a repository."""
    unknown = set(platform or ()) - set(packages.PLATFORMS)
    if unknown:
        raise BuildError(f"There is no platform {', '.join(sorted(unknown))}: choose among "
                         f"{', '.join(packages.PLATFORMS)}.")
    packages.package(platform or tuple(packages.PLATFORMS), (out or packages.DIST).resolve())
    return 0


def head(out: Path | None) -> int:
    """Rebuild the default head."""
    python = environments.add_head_source()
    command: list[str | Path] = [python, "-m", "backend.training.head"]
    return run([*command, out.resolve()] if out else command)


def bench(name: str | None) -> int:
    """Run one benchmark or all."""
    python = environments.backend()
    return run([python, "-m", "benchmarks", *([name] if name else [])], env=ONE_THREAD)


def train(**options: Any) -> int:
    """Train a network of the skin, or go on with it."""
    return training.train(environments.backend(), **options)


def lock() -> int:
    """Resolve the locked versions anew."""
    return locks.lock()
