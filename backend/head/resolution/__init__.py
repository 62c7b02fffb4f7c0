"""One surface in several resolutions: coarser by half-edge collapses, finer by one interpolating subdivision."""
