"""The add-on's version, as its manifest says it."""

VERSION = "0.1.0"
