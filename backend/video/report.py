"""What an avatar's quality report says of the film it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_video(quality: Mapping[str, Any], report: Mapping[str, Any], called: str) -> dict[str, Any]:
    """`quality` of avatar.json with the verdict on a film: its numbers under `video`, its sentences with the others.

    `called` is the film's name there, also in sentences that name it: its own, or another when it is to be forgotten.
    """
    numbers = {name: value for name, value in report.items() if name != "findings"} | {"name": called}
    findings = [{**finding, "input": called, "text": finding["text"].replace(report["name"], called)}
                for finding in report["findings"]]
    serious = [finding["text"] for finding in findings if finding["severity"] == "warning"]
    return {**quality, "video": numbers, "findings": [*quality["findings"], *findings],
            "warnings": [*quality["warnings"], *serious],
            "verdict": "usable" if serious else quality["verdict"]}
