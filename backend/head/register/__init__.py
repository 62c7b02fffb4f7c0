"""Turns a head as a file has it into one of ours, by laying the default head on it once."""
