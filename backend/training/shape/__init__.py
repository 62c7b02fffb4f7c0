"""Training of the fit's learned evidence: photos with known truth, fits of them, and a small network that tells from
pixels what the landmarks left wrong.
"""
