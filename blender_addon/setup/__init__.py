"""Setting the backend's environment up from inside Blender.

`folders`, `indexes`, `bundled` and `installers` need no Blender and serve `environment`; `places`, `running`,
`properties`, `operators` and `panel` are what a person sees of it.
"""
