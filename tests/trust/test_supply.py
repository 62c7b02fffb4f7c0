"""Where everything comes from: hashes for every file that is installed, licences that fit, assets that are the ones."""

import hashlib
import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest

from backend import assets
from backend.errors import ModelError
from tools import licences, locked, package, pins, sbom
from tools.paths import REQUIREMENTS

LOCKS = sorted(REQUIREMENTS.glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_version_has_hashes(lock: Path) -> None:
    packages = locked.read(lock)
    assert packages
    for one in packages:
        assert one.hashes, f"{one.name} may be any file"
        assert len(set(one.hashes)) == len(one.hashes)
        assert re.fullmatch(r"[0-9][^*<>~=]*", one.version), "a version, not a range"


def test_a_line_that_is_neither_package_nor_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text("numpy==2.0 \\\n    --hash=sha256:" + "0" * 64 + "\n--index-url http://evil\n")
    with pytest.raises(ValueError, match="neither a package nor a hash"):
        locked.read(tmp_path / "x.lock")


def test_what_is_installed_here_is_what_is_locked() -> None:
    versions: dict[str, set[str]] = {}
    for one in locked.read(REQUIREMENTS / "backend.lock"):
        versions.setdefault(one.name, set()).add(one.version)
    for name, wanted in versions.items():
        assert importlib.metadata.version(name) in wanted


def test_the_table_of_licences_is_complete_and_as_the_packages_say() -> None:
    table = licences.kept()
    assert sorted(table) == licences.names(), "run: python3 build.py licences"
    said = licences.stated(Path(sys.executable), licences.names())
    assert licences.table(said, table) == table
    assert licences.PAGE.read_text("utf-8") == licences.page(table)


def test_a_licence_that_does_not_fit_is_noticed() -> None:
    assert licences.unknown("MIT AND SSPL-1.0") == ["SSPL-1.0"]
    assert licences.unknown("Apache-2.0 OR SSPL-1.0") == []
    assert licences.unknown("Apache-2.0 AND (Apache-2.0 WITH LLVM-exception) AND MIT") == []
    assert licences.unknown("CC-BY-NC-4.0") == ["CC-BY-NC-4.0"]


def test_all_data_is_pinned_and_the_pins_are_right() -> None:
    assert json.loads(pins.PINNED.read_text("utf-8")) == pins.pins(), "run: python3 build.py pin"
    assert assets.verify_all() == len(pins.pins()) + len(assets.manifest())


def test_data_that_was_changed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "table.npz").write_bytes(b"good")
    entry = {"bytes": 4, "sha256": hashlib.sha256(b"good").hexdigest()}
    (tmp_path / "assets" / "manifest.json").write_text("{}")
    (tmp_path / "assets" / "pinned.json").write_text(json.dumps({"table.npz": entry}))
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "assets")
    assert assets.verify_all.__wrapped__() == 1
    (tmp_path / "table.npz").write_bytes(b"evil")
    with pytest.raises(ModelError, match=r"table\.npz was changed"):
        assets.verify_all.__wrapped__()


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zip") / "likeness"
    package.stage(folder, package.SYSTEMS[sys.platform])
    return folder


def test_the_bill_of_materials_names_everything_in_the_zip_and_what_it_installs(staged: Path) -> None:
    bill = json.loads((staged / sbom.NAME).read_text("utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    refs = [part["bom-ref"] for part in bill["components"]]
    assert len(set(refs)) == len(refs)
    assert bill["dependencies"][0]["dependsOn"] == refs
    for one in locked.read(REQUIREMENTS / "backend.lock"):
        (part,) = [part for part in bill["components"]
                   if (part["name"], part.get("version")) == (one.name, one.version)]
        assert {entry["content"] for entry in part["externalReferences"][0]["hashes"]} == set(one.hashes)
    known = {part["name"]: part["hashes"][0]["content"] for part in bill["components"] if "hashes" in part}
    for path in (staged / "backend").rglob("*"):
        if path.suffix in pins.SUFFIXES:
            name = path.relative_to(staged / "backend").as_posix()
            assert known[name] == hashlib.sha256(path.read_bytes()).hexdigest()
    (wheel,) = (staged / "wheels").iterdir()
    assert known["uv"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert known["uv"] in {digest for one in locked.read(package.UV_LOCK) for digest in one.hashes}
    assert all(part["licenses"][0]["expression"] for part in bill["components"])
    assert sbom.bill(package.one_version(), wheel) == (staged / sbom.NAME).read_text("utf-8")
