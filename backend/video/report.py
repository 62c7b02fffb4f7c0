"""What an avatar's quality report says of the film it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.wrinkles import Wrinkles

WRINKLES = {"brow_inner": "between raised brows", "brow_outer": "above raised brows",
            "eye_corner": "at the eyes' corners", "frown": "of a frown", "nose": "of a wrinkled nose",
            "nasolabial": "from nose to mouth", "mouth_corner": "beside the mouth", "lips": "of pursed lips",
            "chin": "of the chin"}
"""What each group of wrinkles is called."""


def with_video(quality: Mapping[str, Any], report: Mapping[str, Any], called: str,
               wrinkles: Wrinkles | None = None) -> dict[str, Any]:
    """`quality` of avatar.json with the verdict on a film: its numbers under `video`, its sentences with the others.

    `called` is the film's name there, also in sentences that name it: its own, or another when it is to be forgotten.
    """
    numbers = {name: value for name, value in report.items() if name != "findings"} | {"name": called}
    findings = [{**finding, "input": called, "text": finding["text"].replace(report["name"], called)}
                for finding in report["findings"]]
    if wrinkles is not None:
        findings.append({"input": called, "kind": "wrinkles", "severity": "note",
                         "text": wrinkle_sentence(called, wrinkles)})
        numbers["wrinkles"] = {name: wrinkles.told.get(name, 0.0) for name in WRINKLES}
    serious = [finding["text"] for finding in findings if finding["severity"] == "warning"]
    return {**quality, "video": numbers, "findings": [*quality["findings"], *findings],
            "warnings": [*quality["warnings"], *serious],
            "verdict": "usable" if serious else quality["verdict"]}


def wrinkle_sentence(name: str, wrinkles: Wrinkles) -> str:
    """Which wrinkles the film `name` showed, and which are guessed."""
    seen = [said for group, said in WRINKLES.items() if wrinkles.told.get(group)]
    guessed = [said for group, said in WRINKLES.items() if not wrinkles.told.get(group)]
    if not seen:
        return f"{name} shows no face being made from the front, so wrinkles of expressions are guessed."
    if not guessed:
        return f"All wrinkles of expressions were seen in {name}."
    return f"Seen in {name} were the wrinkles {', '.join(seen)}; guessed are those {', '.join(guessed)}."
