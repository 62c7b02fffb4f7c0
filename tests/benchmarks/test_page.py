"""The page of measurements: a command replaces its own section, and nothing else."""

import pytest

from benchmarks.__main__ import PAGE, with_section

TEXT = """# Title

<!-- fit: begin -->
old
<!-- fit: end -->

between

<!-- skin: begin -->
kept
<!-- skin: end -->
"""


def test_only_the_own_section_changes():
    page = with_section(TEXT, "fit", "| new |")
    assert page == TEXT.replace("old", "| new |")


def test_writing_twice_is_writing_once():
    once = with_section(TEXT, "skin", "a\n\nb")
    assert with_section(once, "skin", "a\n\nb") == once


def test_a_page_without_the_section_is_not_written():
    with pytest.raises(ValueError):
        with_section(TEXT, "hair", "x")


def test_the_page_of_the_project_has_a_place_for_every_benchmark():
    page = PAGE.read_text("utf-8")
    from benchmarks.__main__ import NAMES

    for name in NAMES:
        assert with_section(page, name, "x").count("<!-- ") == page.count("<!-- ")
