"""What was measured of the fit, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fit_expression import expression_table
from benchmarks.fit_likeness import GET
from benchmarks.fit_people import FRONT, LEFT, RIGHT

if TYPE_CHECKING:
    from benchmarks.fit import Result
    from benchmarks.fit_metrics import Distances

TONES = {"dark skin (V, VI)": (5, 6), "medium skin (III, IV)": (3, 4), "light skin (I, II)": (1, 2)}
AVATARS = {"one photo": (False, True), "three photos": (False, False)}  # which of front and side nobody had shown
Photo = tuple["Result", int]


def report(results: Sequence[Result], strangers: bool, seeing: bool, size: int) -> str:
    """All tables but that of the seconds."""
    photos = sum(len(result.person.yaw) for result in results)
    prior = ("drawn from another model than the one that is fitted (whose prior was measured on ICT-FaceKit's modes)"
             if strangers else
             "drawn from the prior that the fit believes in: nobody's measured head, and none that any table was "
             "measured on")
    refused = [sentence for result in results for sentence in result.refused]
    parts = [f"{len(results)} people, {prior}; {photos} photos of {size} x {size} pixels without EXIF, each in a light "
             "of its own, 24 to 85 mm.", heads_table(results), groups_table(results), likeness_table(results, seeing),
             faces_table(results)]
    if refused:
        parts.insert(1, f"Refused: {len(refused)}. " + " ".join(sorted(refused)))
    return "\n\n".join(parts)


def heads_table(results: Sequence[Result]) -> str:
    """Distances by the way in which heads were found."""
    lines = ["Millimetres from the true surface to the found one: median / mean / standard deviation.", "",
             "| | heads | similarity-aligned | own metres | size error |", "|---|---|---|---|---|"]
    for way in dict.fromkeys(way for result in results for way in result.heads):
        found = [result.heads[way] for result in results if way in result.heads]
        lines.append(f"| {way} | {len(found)} | {_three([each.similarity for each in found])} | "
                     f"{_three([each.rigid for each in found])} | {_size(found)} |")
    return "\n".join(lines)


def groups(results: Sequence[Result]) -> dict[str, list[Photo]]:
    """Every photo that was fitted alone, by what may make it harder."""
    photos = [(result, index) for result in results for index in result.photos]

    def chosen(test: Callable[[Result, int], bool]) -> list[Photo]:
        return [photo for photo in photos if test(*photo)]

    found = {name: chosen(lambda result, _, classes=classes: result.person.fitzpatrick in classes)  # type: ignore[misc]
             for name, classes in TONES.items()}
    for low, high in ((0, 15), (15, 35), (35, 90)):
        found[f"turned by {low} to {high} degrees"] = chosen(
            lambda result, index, low=low, high=high:  # type: ignore[misc]
            low <= abs(np.rad2deg(result.person.yaw[index])) < high)
    for low, high in ((24, 35), (35, 50), (50, 85)):
        found[f"{low} to {high} mm"] = chosen(
            lambda result, index, low=low, high=high:  # type: ignore[misc]
            low <= result.person.focal_35mm[index] < high)
    found["calm"] = chosen(lambda result, index: not result.person.weights[index].any())
    found["making a face"] = chosen(lambda result, index: bool(result.person.weights[index].any()))
    found["locks over the forehead"] = chosen(lambda result, _: result.person.locks)
    return found


def groups_table(results: Sequence[Result]) -> str:
    """One photo each, by group; what the mean head would have scored shows which groups are harder anyway."""
    lines = ["Every photo fitted alone, millimetres, median / mean (± standard error of the median, over people).", "",
             "| | photos | mean head, similarity | similarity-aligned | own metres | size error |",
             "|---|---|---|---|---|---|"]
    everyone = [(result, index) for result in results for index in result.photos]
    for name, photos in {"all": everyone, **groups(results)}.items():
        if photos:
            found = [result.photos[index] for result, index in photos]
            mean = [result.heads["mean head"] for result, _ in photos]
            lines.append(f"| {name} | {len(found)} | {_two([each.similarity for each in mean])} | "
                         f"{_two([each.similarity for each in found])}{_error(photos, 'similarity')} | "
                         f"{_two([each.rigid for each in found])}{_error(photos, 'rigid')} | {_size(found)} |")
    return "\n".join(lines)


def likeness_table(results: Sequence[Result], seeing: bool) -> str:
    """Cosine similarities of SFace, by tone."""
    if not seeing:
        return f"Identity similarity (SFace): not measured. To measure it: `{GET}`"
    columns = {"all": list(results), **{name: [result for result in results if result.person.fitzpatrick in classes]
                                        for name, classes in TONES.items()}}
    columns = {name: rows for name, rows in columns.items() if rows}
    lines = ["Identity similarity (cosine of SFace embeddings; its authors take 0.363 and more for the same person).",
             "", f"| | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]

    def row(name: str, values: Callable[[Result], list[float]], form: str = ".2f") -> None:
        cells = [[value for result in rows for value in values(result)] for rows in columns.values()]
        lines.append(f"| {name} | {' | '.join(format(np.mean(cell), form) if cell else '–' for cell in cells)} |")

    def alike(first: str, second: str) -> Callable[[Result], list[float]]:
        return lambda result: _alike(result, first, result, second)

    def from_sides(avatar: str) -> Callable[[Result], list[float]]:
        return lambda result: [value for side in (LEFT, RIGHT)
                               for value in _alike(result, f"{avatar}, side {side}", result, f"photo {side}")]

    for avatar, (front_new, side_new) in AVATARS.items():
        row(f"avatar of {avatar}, {_seen(front_new)}: from the front", alike(f"{avatar}, front", f"photo {FRONT}"))
        row(f"avatar of {avatar}, {_seen(side_new)}: 30 degrees aside", from_sides(avatar))
        for place, views in (("from the front", {"front": FRONT}),
                             ("30 degrees aside", {f"side {side}": side for side in (LEFT, RIGHT)})):
            row(f"… its own photo the most similar of {len(results)}, {place}",
                lambda result, avatar=avatar, views=views: [  # type: ignore[misc]
                    value for view, index in views.items()
                    for value in recognised(results, result, f"{avatar}, {view}", f"photo {index}")], ".0%")
    row("photos of one person: another light and 30 degrees", lambda result: [
        value for side in (LEFT, RIGHT) for value in _alike(result, f"photo {FRONT}", result, f"photo {side}")])
    row("photos of one person: another light and face", alike(f"photo {FRONT}", f"photo {RIGHT + 1}"))
    row("photos of two people, from the front", lambda result: [
        value for other in results if other is not result
        for value in _alike(result, f"photo {FRONT}", other, f"photo {FRONT}")])
    row("avatar of one photo, somebody else's photo", lambda result: [
        value for other in results if other is not result
        for value in _alike(result, "one photo, front", other, f"photo {FRONT}")])
    return "\n".join(lines)


def recognised(results: Sequence[Result], result: Result, look: str, photo: str) -> list[float]:
    """[1.0] when of everybody's `photo`s the person's own is the most like their avatar, [0.0] when not, or nothing."""
    own = _alike(result, look, result, photo)
    others = [value for other in results if other is not result for value in _alike(result, look, other, photo)]
    return [float(own[0] > max(others))] if own and others else []


def faces_table(results: Sequence[Result]) -> str:
    """Expressions of all photos in which a face is made."""
    made = [(result, index) for result in results for index in result.arkit if result.person.weights[index].any()]
    if not made:
        return "Nobody makes a face."
    true, found, scores = (np.array(values) for values in zip(*(
        (result.person.weights[index], result.arkit[index], result.scores[index]) for result, index in made),
        strict=True))
    calm = [result.arkit[index] for result in results for index in result.arkit
            if not result.person.weights[index].any()]
    rest = f" Mean weight found in {len(calm)} calm photos: {np.mean(calm):.3f}." if calm else ""
    return (f"Expressions, one photo each, in {len(made)} photos that make a face; ARKit weights, 0 to 1.{rest}\n\n"
            f"{expression_table(true, found, scores)}")


def _seen(new: bool) -> str:
    return "a view it has not seen" if new else "a view it has seen"


def _alike(first: Result, look: str, second: Result, other: str) -> list[float]:
    if look not in first.looks or other not in second.looks:
        return []
    return [float(first.looks[look] @ second.looks[other])]


def _three(parts: Sequence[np.ndarray]) -> str:
    medians, means, spreads = zip(*[(np.median(part), part.mean(), part.std()) for part in parts], strict=True)
    return f"{np.mean(medians):.2f} / {np.mean(means):.2f} / {np.mean(spreads):.2f}"


def _two(parts: Sequence[np.ndarray]) -> str:
    return f"{np.mean([np.median(part) for part in parts]):.2f} / {np.mean([part.mean() for part in parts]):.2f}"


def _error(photos: Sequence[Photo], kind: str) -> str:
    """Photos of one person err alike: only people are independent."""
    people: dict[int, list[float]] = {}
    for result, index in photos:
        people.setdefault(result.person.number, []).append(float(np.median(getattr(result.photos[index], kind))))
    means = [np.mean(medians) for medians in people.values()]
    return f" (± {np.std(means, ddof=1) / np.sqrt(len(means)):.2f})" if len(means) > 1 else ""


def _size(found: Sequence[Distances]) -> str:
    return f"{100 * np.sqrt(np.mean([(each.scale - 1) ** 2 for each in found])):.1f} %"
