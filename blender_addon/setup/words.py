"""What a person reads while the backend is set up."""

from __future__ import annotations

from ..environment import State
from ..strings import Words

PANEL = "Set Up"

BEGINS = "Beginning"
REMOVING = "Removing the environment that was there"
REMOVED = "Removed"

OPERATOR = {
    "setup": Words("Set Up", "Make the backend's own Python environment, in the background. Blender's Python stays as "
                   "it is"),
    "setup_cancel": Words("Cancel", "Stop setting up. What was downloaded is kept for the next attempt"),
    "setup_repair": Words("Repair", "Remove the environment and make it anew, from what was downloaded where that is "
                          "still there"),
    "setup_remove": Words("Remove", "Delete the backend's environment and what was downloaded for it. Avatars stay"),
    "setup_report": Words("Copy Report", "Copy what happened to the clipboard, to ask somebody for help with it"),
}

BUTTON = {State.MISSING: "Set Up", State.OUTDATED: "Update or Resume", State.BROKEN: "Repair", State.READY: "Set Up"}

AGAIN = "Try Again"

SAYS = {
    State.READY: "The backend is ready",
    State.MISSING: "To be set up once",
    State.OUTDATED: "The set-up is not complete, or of an earlier version",
    State.BROKEN: "The backend's environment no longer works",
}

PROPERTY = {
    "build": Words("For", "What PyTorch is to compute with. It can be changed later, by setting up again"),
    "wheels": Words("Wheels", "A folder of wheels to set up from, without a network. Empty: packages are downloaded"),
}

BUILD = {
    "auto": Words("Automatic", "A graphics card when there is one that PyTorch can use, else the processor"),
    "cpu": Words("Processor", "Works on every computer"),
    "cuda": Words("NVIDIA GPU", "Much larger; needs NVIDIA's driver"),
    "mps": Words("Apple GPU", "The build for Apple's processors, which uses their GPU"),
}

SIZE = {"cpu": "Download 0.4 GB, disk 1.4 GB", "mps": "Download 0.3 GB", "cuda": "Download about 3 GB"}
"""The wheels of the lock add up to 190 MiB; torch's own have 183 MiB for Linux without a GPU, 106 MiB for macOS; with
CUDA it is 2.7 GB."""

ROOM = "Needs {needed:.0f} GB free, has {free:.0f}"
UNTOUCHED = "Blender's Python stays as it is"
AUTOMATIC = "Automatic: {build}"
OFFLINE = ("Blender's online access is off.", "Allow it in Preferences, System, Network, start Blender with "
           "--online-mode, or choose a folder of wheels.")
STARTED_OFFLINE = "Blender was started in offline mode"
ALLOW = "Allow Online Access"
RUNNING = "The backend is being set up"
WAIT = "Wait until it is done, or cancel it."
JOB_RUNS = "A job is running"
CANCELLED = ("The set-up was cancelled.", "Start it again; what was downloaded is kept.")
DONE = "The backend is set up"
BUG = "The set-up stopped at an error of its own: {error}."
SEND = "Copy the report and send it; Repair may help meanwhile."
NO_REPORT = "Nothing has failed"
COPIED = "The report is in the clipboard"
SURE = "Delete the backend's environment and its downloads?"
