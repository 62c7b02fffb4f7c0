"""How far a photo's outline, as the fit finds it, lies from where the head ends: measured on generated people."""
