"""The bill of materials in every zip: CycloneDX 1.6, JSON, written from the locks and the lists of assets.

https://cyclonedx.org/docs/1.6/json/. The same source gives the same bytes: there is no date, and the serial number is
made of the content.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

from tools import licences, locked
from tools.paths import REQUIREMENTS, ROOT

NAME = "sbom.cdx.json"
_SPACE = uuid.UUID("6e1b1f0e-7d0f-5c53-9f38-5a2a1f4c9a11")
_LICENCES = {"assets/head/default.npz": "CC0-1.0", "assets/head/identity_statistics.npz": "MIT",
             "assets/head/expression_statistics.npz": "MIT"}
"""Of data that has its licence from what it was made of (docs/licences.md); the rest is ours."""
_BUNDLED = ("uv", "Apache-2.0 OR MIT")

Component = dict[str, Any]


def bill(version: str, wheel: Path) -> str:
    """The whole document for a zip that holds the `wheel` of uv."""
    own = {"type": "application", "bom-ref": "likeness", "name": "likeness", "version": version,
           "purl": f"pkg:generic/likeness@{version}", "licenses": _licence("GPL-3.0-or-later")}
    components = [*_packages(), _wheel(wheel), *_assets(), *_scripts()]
    about: dict[str, Any] = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": own},
        "components": components,
        "dependencies": [{"ref": "likeness", "dependsOn": [part["bom-ref"] for part in components]}]}
    about["serialNumber"] = f"urn:uuid:{uuid.uuid5(_SPACE, json.dumps(about, sort_keys=True))}"
    return json.dumps(about, indent=1, sort_keys=True) + "\n"


def _packages() -> list[Component]:
    """What the set-up installs. A package has many files, one for each system: their hashes are its distribution's."""
    table, found = licences.kept(), []
    for package in locked.read(REQUIREMENTS / "backend.lock"):
        purl = f"pkg:pypi/{package.name.lower().replace('_', '-')}@{package.version}"
        found.append({
            "type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl,
            "licenses": _licence(table[package.name]), "scope": "required",
            "externalReferences": [{
                "type": "distribution", "url": f"https://pypi.org/project/{package.name}/{package.version}/#files",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes]}],
            **({"properties": [{"name": "likeness:marker", "value": package.marker}]} if package.marker else {})})
    torch = torch_pin()
    purl = f"pkg:pypi/torch@{torch}"
    found.append({"type": "library", "bom-ref": purl, "name": "torch", "version": torch, "purl": purl,
                  "licenses": _licence(table["torch"]), "scope": "required", "properties": [
                      {"name": "likeness:build", "value": "CPU, CUDA or MPS, chosen when it is installed"}]})
    return found


def torch_pin() -> str:
    """The version of torch in pyproject.toml."""
    import tomllib

    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    return next(line.split("==")[1] for line in said if line.startswith("torch=="))


def _wheel(wheel: Path) -> Component:
    version = wheel.name.split("-")[1]
    purl = f"pkg:pypi/{_BUNDLED[0]}@{version}"
    return {"type": "application", "bom-ref": purl, "name": _BUNDLED[0], "version": version, "purl": purl,
            "licenses": _licence(_BUNDLED[1]), "hashes": _hash(wheel), "properties": [
                {"name": "likeness:file", "value": f"wheels/{wheel.name}"}]}


def _assets() -> list[Component]:
    """Models and tables that lie in the zip."""
    folder, found = ROOT / "backend" / "assets", []
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))
    pinned = json.loads((folder / "pinned.json").read_text("utf-8"))
    for name, entry in sorted({**pinned, **{f"assets/{name}": entry for name, entry in listed.items()}}.items()):
        found.append({
            "type": "machine-learning-model" if "licence" in entry else "data", "bom-ref": f"backend/{name}",
            "name": name, "hashes": [{"alg": "SHA-256", "content": entry["sha256"]}],
            "licenses": _licence(entry.get("licence") or _LICENCES.get(name, "GPL-3.0-or-later")),
            **({"description": entry["source"]} if "source" in entry else {})})
    return found


def _scripts() -> list[Component]:
    """Other people's scripts in the viewer page."""
    folder = ROOT / "blender_addon" / "export" / "viewer"
    vendor = json.loads((folder / "vendor.json").read_text("utf-8"))
    purl = f"pkg:npm/three@{vendor['version']}"
    return [{"type": "library", "bom-ref": purl, "name": "three", "version": vendor["version"], "purl": purl,
             "licenses": _licence("MIT"), "components": [
                 {"type": "file", "bom-ref": f"viewer/{path.name}", "name": path.name, "hashes": _hash(path)}
                 for path in sorted(folder.glob("*.js"))]}]


def _hash(path: Path) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]


def _licence(expression: str) -> list[dict[str, Any]]:
    """An SPDX expression as the format wants it."""
    return [{"expression": expression}]
