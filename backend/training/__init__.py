"""Build-time tools: the default head, identity statistics, skin synthesis, training loops. Never shipped code paths."""
