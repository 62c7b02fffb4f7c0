"""Measurements that are too slow for tests. Each module prints a markdown table; `build.py bench NAME` runs them."""
