"""Hair as Blender's own curves: brows, lashes, beard, short hair of the scalp, where and as the photo shows them.

`kinds` says what there is to grow, `maps` reads the bundle's, `ground` is the skin to grow on, `growth` makes strands
(arrays), `lashes` those of the head's own lashes, `curves` turns them into objects, `tree` and `look` are their nodes,
`cover` hides what was painted, `coat` puts hair on an avatar and takes it off.
"""
