"""A renderer of heads to photos whose every pixel is known: ray-cast shadows, GGX, soft skin, a camera.

`make_sample` photographs a `Person`; `named.cached_sample` gives the samples that tests share;
`python -m backend.training.render sample FOLDER` writes them.
"""

from backend.training.render.photo import CameraLook, random_look
from backend.training.render.picture import Picture, Settings, View, render
from backend.training.render.sample import Person, TruthSample, load_sample, make_sample, portrait, save_sample

__all__ = ["CameraLook", "Person", "Picture", "Settings", "TruthSample", "View", "load_sample", "make_sample",
           "portrait", "random_look", "render", "save_sample"]
