"""Small shared mathematics: colour, cameras, rotations, harmonics, rays. No stage lives here."""
