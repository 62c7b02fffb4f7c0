"""Training of the skin's networks: photos unwrapped into the skin's square, made in that square in one pass.

`stages` are heads ready to be lit, `skins` what lies on them, `lighting` and `shade` the light, `camera` what a photo
makes of it, `occluders` what stands before it; `samples` puts them together, `train` learns from them.
`python -m backend.training.reflectance` is the command line, `sheet` the pictures to look at.
"""
