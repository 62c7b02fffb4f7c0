"""Video: from a file to frames with their times, one at a time; what is wrong with a file, in a sentence."""
