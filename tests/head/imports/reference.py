"""FLAME as its paper writes it (Li et al. 2017, section 3), in float64 numpy and FLAME's own axes. Shares no code.

T_P(beta, theta, psi) = T + B_S(beta) + B_P(theta) + B_E(psi), joints J(beta) = regressor (T + B_S(beta)), and every
vertex is the weighted sum of what its bones do to it. Expressions move no joints, as in the paper's equation 1.
"""

import numpy as np
from scipy.spatial.transform import Rotation


def flame(arrays: dict[str, np.ndarray], beta: np.ndarray, psi: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """(V, 3) from beta (300,), psi (100,), theta (5, 3) axis-angle: root, neck, jaw and the eyes as in the file."""
    shaped = arrays["v_template"] + arrays["shapedirs"][:, :, :300] @ beta
    joints = arrays["J_regressor"] @ shaped
    turns = Rotation.from_rotvec(theta).as_matrix()
    feature = (turns[1:] - np.eye(3)).ravel()
    posed = shaped + arrays["shapedirs"][:, :, 300:] @ psi + arrays["posedirs"] @ feature
    world = []
    for joint in range(5):
        parent = int(arrays["kintree_table"][0, joint])
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if joint else 0)
        world.append(world[parent] @ local if joint else local)
    result = np.zeros_like(posed)
    for joint, transform in enumerate(world):
        rest = np.eye(4)
        rest[:3, 3] = -joints[joint]
        moved = transform @ rest
        result += arrays["weights"][:, joint, None] * (posed @ moved[:3, :3].T + moved[:3, 3])
    return result
