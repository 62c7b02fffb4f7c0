"""From observations to a `HeadFit`: camera, pose, identity, expression, light, per-vertex refinement."""
