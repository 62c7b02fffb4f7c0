"""A video is tracked by the real backend, and the avatar plays it."""

import os
import subprocess

import bpy
import numpy as np
import pytest

from blender_addon import jobs
from blender_addon.performance import clip as clips
from blender_addon.performance import take

from .conftest import ROOT, backend_python

FILM = """
import sys, cv2, numpy as np
photo = cv2.imread(sys.argv[1])
side = min(photo.shape[:2]) // 2 * 2
film = cv2.VideoWriter(sys.argv[2], cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (480, 480))
for frame in range(24):
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), 8 * np.sin(frame / 6), 1.0)
    film.write(cv2.resize(cv2.warpAffine(photo[:side, :side], turn, (side, side)), (480, 480)))
film.release()
"""

pytestmark = pytest.mark.skipif(not (ROOT / "backend" / "tracking" / "command.py").exists(),
                                reason="the backend of this checkout does not track")


def test_a_video_becomes_a_take(avatar, tmp_path, monkeypatch):
    """A portrait that sways by eight degrees to both sides."""
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    film = tmp_path / "sway é.mp4"
    subprocess.run([backend_python(), "-c", FILM, ROOT / "samples" / "nasa_portrait.png", film], check=True,
                   env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")})
    bpy.context.scene.render.fps = 25
    assert bpy.ops.likeness.track_video(filepath=str(film), retarget=False) == {"FINISHED"}
    action = take.playing(avatar)
    assert action.name == "sway é"
    assert action.likeness.frames == 24
    clip = clips.read_npz(tmp_path / "sway é performance.npz")
    tilt = np.degrees(np.arctan2(clip.head[:, 0, 2], clip.head[:, 2, 2]))
    assert 12 < np.ptp(tilt) < 20
