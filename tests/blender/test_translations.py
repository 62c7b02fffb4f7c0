"""Other languages: what is translated exists, buttons and panels are.

Whether Blender shows it is looked at in a window (tests/gui): the module bpy knows English alone.
"""

from blender_addon import strings, translations
from blender_addon.export import words as export_words
from blender_addon.hair import words as hair_words
from blender_addon.setup import words as setup_words


def test_no_translation_is_of_a_text_that_is_gone():
    for language, told in translations.catalogue().items():
        gone = {english for _context, english in told} - translations.texts()
        assert not gone, f"{language}: {sorted(gone)}"
        assert all(text.strip() for text in told.values())


def test_every_button_panel_and_reason_is_translated():
    wanted = {words.label for words in strings.OPERATOR.values()} | set(strings.PANEL.values()) | set(
        strings.POLL.values()) | set(strings.VERDICT.values())
    tables = (export_words.PROPERTY, export_words.GAZE, hair_words.OPERATOR, hair_words.PART,
              hair_words.PROPERTY, setup_words.PROPERTY, setup_words.BUILD)
    wanted |= {said.label for table in tables for said in table.values()} | set(setup_words.BUTTON.values())
    wanted |= {*hair_words.PANEL.values(), *hair_words.POLL.values(), *hair_words.LABEL.values()}
    for language, told in translations.catalogue().items():
        assert not wanted - {english for _context, english in told}, language
