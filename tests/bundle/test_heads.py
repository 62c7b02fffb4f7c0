"""Avatars on other heads than the one that ships: found by name, and never mixed with what another head left."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend import batch, store
from backend.capture.observation import Finding, Focal, Observation
from backend.errors import Cancelled, InputError
from backend.fit.headfit import HeadFit, PhotoFit
from backend.head import shelf
from backend.head.model import default_head
from backend.jobs import KINDS
from backend.pipeline import Options, create

PHOTO = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of heads with one in it: a bigger default head."""
    folder = tmp_path / "heads"
    monkeypatch.setenv("LIKENESS_HEADS", str(folder))
    head = default_head()
    folder.mkdir()
    shelf.write(folder / "giant", replace(head, id="giant", template=head.template * np.float32(1.1)),
                np.zeros((4, 4, 3), np.uint8),
                shelf.Entry("giant", "plain", "CC0-1.0", "nobody", "giant.npz", "0" * 64, "2026-01-01T00:00:00+00:00",
                            len(head.template)))
    return folder


class UntilUnwrap:
    """A person who cancels when the third stage begins, and what the stages before said."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def __call__(self, stage: str, fraction: float, overall: float, text: str) -> None:
        self.texts.append((stage, text))
        if stage == "unwrap":
            raise Cancelled

    def worked(self, stage: str) -> bool:
        return len([text for name, text in self.texts if name == stage and text not in ("Starting", "Done")]) > 0


def test_kept_stages_are_for_the_head_they_were_made_with(library: Path, tmp_path: Path) -> None:
    work, kept = tmp_path / "work", {}
    for name, works in (("default", True), ("default", False), ("giant", True)):
        person = UntilUnwrap()
        with pytest.raises(Cancelled):
            create([PHOTO], tmp_path / "ada", Options(1024, head=name), work, person)
        assert person.worked("fit") == works, name
        kept[name] = sorted(path.name for path in work.glob("*.npz"))
    assert [name.split("-")[0] for name in kept["giant"]] == ["capture", "fit", "fit"]  # photos know no head
    heads = set()
    for path in work.glob("fit-*.npz"):
        fit = store.load(path, (HeadFit, PhotoFit))
        assert isinstance(fit, HeadFit)
        heads.add(fit.head_id)
    assert heads == {"default", "giant"}
    seen = store.load(next(work.glob("capture-*.npz")), (Observation, Finding, Focal))
    assert seen is not None
    assert len(seen) == 1


def test_an_unknown_head_is_refused_before_any_work_with_the_names_there_are(library: Path, tmp_path: Path) -> None:
    parameters = {"photos": [str(PHOTO)], "out": str(tmp_path / "ada"), "head": "nobody"}
    with pytest.raises(InputError, match=r"no head 'nobody'.*default, giant"):
        KINDS["create"](parameters, tmp_path / "work", lambda *said: None)
    assert not (tmp_path / "work").exists()
    with pytest.raises(InputError, match="a name or a file"):
        KINDS["create"]({**parameters, "head": 3}, tmp_path / "work", lambda *said: None)


def test_a_batch_says_once_that_there_is_no_such_head(library: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("one.png", "two.png"):
        (tmp_path / "photos" / name).write_bytes(b"")
    with pytest.raises(InputError, match="no head 'nobody'"):
        batch.run(tmp_path / "photos", tmp_path / "out", {"head": "nobody"}, 2, lambda item: None)
    assert not (tmp_path / "out").exists()
