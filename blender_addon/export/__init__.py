"""From an avatar to a file that an engine takes as it is. See docs/export.md.

`presets` says what each target wants, `source` and `levels` read the avatar into arrays, `looks` and `pictures` make
its textures, `standin` builds what an exporter sees, `formats` calls the exporters, `output` puts finished files in
their places, `job` is all of it in order.
"""
