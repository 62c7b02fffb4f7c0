"""What `build.py` does, in rooms: environments, system libraries, commands. Standard library only."""
