"""Every sentence with which Likeness refuses something, read from its sources: docs/troubleshooting.md is made of it.

A sentence is the first argument of one of our errors, what to do about it the second. Values that are only known while
it runs are written as an ellipsis.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.paths import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
ERRORS = {"InputError", "ModelError", "BackendError", "SetupError", "Cancelled", "AddonError", "ProtocolError"}
LEFT_OUT = ("backend/training/", "backend/errors.py", "blender_addon/errors.py")
UNKNOWN = "…"
ROOMS = (  # heading, folders and files it is about; the first that fits
    ("Setting up", ("blender_addon/setup/", "blender_addon/environment.py")),
    ("Photos", ("backend/capture/",)),
    ("Making an avatar", ("backend/fit/", "backend/unwrap/", "backend/reflectance/", "backend/pipeline.py",
                          "backend/devices.py", "backend/batch.py", "backend/memory.py")),
    ("Head models of your own", ("backend/head/", "backend/cli_head.py", "blender_addon/heads.py")),
    ("Videos", ("backend/video/", "backend/tracking/")),
    ("Performances", ("backend/animation/", "backend/cli_animation.py", "blender_addon/performance/")),
    ("Files and disks", ("backend/output.py", "backend/opening.py", "backend/npz.py", "backend/bundle.py",
                         "backend/store.py", "backend/images.py", "backend/assets/")),
    ("The backend", ("backend/", "blender_addon/client.py", "blender_addon/jobs.py", "blender_addon/journal.py",
                     "blender_addon/process.py")),
    ("Export", ("blender_addon/export/",)),
    ("In Blender", ("blender_addon/",)),
)
HEAD = """# When something goes wrong

Likeness says what is wrong in a sentence, and what to do about it. All of its sentences are below, by where they come
up; … stands for a name or a number. This page is made from the sources by `python3 build.py docs`, and a test holds it
complete.

First aid, whatever it says:

- **The backend died, or Blender was closed, during a job**: open Blender again; *Create* offers to go on. What was
  finished is kept.
- **The environment was deleted, or a disk was full**: the *Set Up* panel comes back; *Repair* in the preferences makes
  it anew from what was downloaded.
- **Textures are pink**: the folder `textures` beside the .blend was left behind. Put it back, or assemble the avatar's
  bundle again (*Create, Options, Assemble Bundle*).
- **A button is grey**: hold the mouse over it; Blender shows why.
- **Something else**: *Copy Report* (set-up), or the report file that the message names. Both hold no photo and no name
  of yours.
"""


@dataclass(frozen=True)
class Said:
    """One sentence."""

    source: str  # the file, from the checkout's root
    text: str
    remedy: str


def everything() -> list[Said]:
    """Every sentence, each once for a file."""
    tables = _tables()
    found: dict[tuple[str, str], Said] = {}
    for path in sorted([*(ROOT / "backend").rglob("*.py"), *(ROOT / "blender_addon").rglob("*.py")]):
        source = path.relative_to(ROOT).as_posix()
        if source.startswith(LEFT_OUT):
            continue
        for text, remedy in _in_file(ast.parse(path.read_text("utf-8")), tables):
            if re.sub(r"[\W…]+", "", text):
                found.setdefault((source, text), Said(source, text, remedy))
    return list(found.values())


def page() -> str:
    """The whole of docs/troubleshooting.md."""
    parts, said = [HEAD], everything()
    for heading, places in ROOMS:
        mine = [item for item in said if item.source.startswith(places)]
        said = [item for item in said if item not in mine]
        rows = sorted({(item.text, item.remedy) for item in mine})
        parts.append(f"\n## {heading}\n\n| it says | what to do |\n|---|---|\n"
                     + "".join(f"| {_cell(text)} | {_cell(remedy)} |\n" for text, remedy in rows))
    return "".join(parts)


def write() -> int:
    """Write the page; returns the exit status."""
    PAGE.write_text(page(), "utf-8", newline="\n")
    return 0


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


Tables = dict[str, ast.expr]


def _tables() -> Tables:
    """Constants of the modules that hold texts, by name: what `words.OFFLINE` and `strings.REPORT[...]` mean."""
    found: Tables = {}
    for path in sorted((ROOT / "blender_addon").rglob("*.py")):
        if path.name in ("words.py", "strings.py", "installers.py", "journal.py"):
            package = path.parent.name if path.name == "words.py" else path.stem
            for name, value in _constants(ast.parse(path.read_text("utf-8"))).items():
                found[f"{package}.{name}"] = value
    return found


def _constants(tree: ast.Module) -> Tables:
    return {target.id: node.value for node in tree.body if isinstance(node, ast.Assign)
            for target in node.targets if isinstance(target, ast.Name)} | {
        node.target.id: node.value for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value}


def _in_file(tree: ast.Module, tables: Tables) -> Iterator[tuple[str, str]]:
    own = _constants(tree)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Module)]:
        local = dict(own)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                local.setdefault(node.targets[0].id, node.value)
        for node in _calls(function):
            yield _pair(node, local, tables)


def _calls(scope: ast.AST) -> Iterator[ast.Call]:
    """Calls of our errors directly in a scope, not those of functions inside it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef):
            continue
        if isinstance(child, ast.Call):
            name = child.func.id if isinstance(child.func, ast.Name) else (
                child.func.attr if isinstance(child.func, ast.Attribute) else "")
            if name in ERRORS and child.args:
                yield child
        yield from _calls(child)


def _pair(call: ast.Call, local: Tables, tables: Tables) -> tuple[str, str]:
    arguments: list[ast.expr] = []
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            value = _looked_up(argument.value, local, tables)
            arguments += value.elts if isinstance(value, ast.Tuple) else [argument.value]
        else:
            arguments.append(argument)
    texts = [_text(argument, local, tables) for argument in arguments[:2]]
    return texts[0], texts[1] if len(texts) > 1 else ""


def _looked_up(node: ast.expr, local: Tables, tables: Tables) -> ast.expr | None:
    """What a name stands for, where a file says it."""
    if isinstance(node, ast.Name):
        return local.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        names = [f"{node.value.id}.{node.attr}", f"setup.{node.attr}", f"export.{node.attr}"]
        return next((tables[name] for name in names if name in tables), None)
    if isinstance(node, ast.Subscript):
        owner = _looked_up(node.value, local, tables)
        if isinstance(owner, ast.Dict) and isinstance(node.slice, ast.Constant):
            return next((value for key, value in zip(owner.keys, owner.values, strict=True)
                         if isinstance(key, ast.Constant) and key.value == node.slice.value), None)
        if isinstance(owner, ast.Tuple) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            return owner.elts[node.slice.value]
    return None


def _text(node: ast.expr | None, local: Tables, tables: Tables, deep: int = 0) -> str:
    """An expression as a reader would see it."""
    if node is None or deep > 6:
        return UNKNOWN
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else UNKNOWN for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return "".join(_text(side, local, tables, deep + 1) for side in (node.left, node.right))
    if isinstance(node, ast.IfExp):
        both = [_text(side, local, tables, deep + 1) for side in (node.body, node.orelse)]
        return " / ".join(text for text in both if text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        text = _text(node.func.value, local, tables, deep + 1)
        return re.sub(r"\{[^}]*\}", UNKNOWN, text) if node.func.attr == "format" else text
    found = _looked_up(node, local, tables)
    return _text(found, local, tables, deep + 1) if found is not None and found is not node else UNKNOWN
