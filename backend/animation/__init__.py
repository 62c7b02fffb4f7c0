"""Performances: what a face does over time, in files, in time, and from one person to another."""
