"""The page of error sentences holds every one, and every one says what to do."""

import re

from tools import sentences

WITHOUT_REMEDY = 0.25
"""Share of sentences that may stand alone: those that already say all ("Cancelled.", a job's missing option)."""


def test_the_page_is_as_the_sources_are() -> None:
    assert sentences.PAGE.read_text("utf-8") == sentences.page(), "run: python3 build.py docs"


def test_sentences_of_every_kind_are_found() -> None:
    texts = {item.text for item in sentences.everything()}
    for known in ("No face was found in ….", "Blender's online access is off.", "The disk is full.",
                  "Another Blender is making the avatar ….", "There is no photo … there.",
                  "The backend stopped by itself (…)."):
        assert known in texts, known
    assert len(texts) > 150


def test_most_sentences_say_what_to_do_and_none_is_only_a_placeholder() -> None:
    said = sentences.everything()
    assert sum(not item.remedy for item in said) < WITHOUT_REMEDY * len(said)
    assert all(re.search(r"[A-Za-z]{3}", item.text) for item in said)
