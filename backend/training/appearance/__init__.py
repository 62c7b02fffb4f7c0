"""How faces look in photos: the statistics behind the fit's photometric term.

`places` spreads points over the face, `photos` reads their colours off photos of generated people, `statistics` splits
those into a mean, modes, light and noise.
"""
