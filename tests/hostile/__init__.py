"""Hostile and odd files, by the room that reads them; `tests/corpus.py` puts them together."""
