"""Runs in the backend's environment: a USD file as Pixar's own library reads it, and what its validators say.

    python usd_check.py FILE.usdc OUT.npz

`OUT.npz` holds `points` (V, 3) and `targets` (K, V, 3) metres in the file's axes, their `names`, `joints`, `weights`
(V, J), the `pictures` that are where the file says, and `problems`: one line for each complaint of any validator.
"""

import sys
from pathlib import Path

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdShade, UsdSkel, UsdValidation


def main(path: str, out: str) -> None:
    stage = Usd.Stage.Open(path)
    every = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    problems = UsdValidation.ValidationContext(every).Validate(stage)
    mesh = next(UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    place = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(mesh.GetPrim()))
    points = np.array(mesh.GetPointsAttr().Get()) @ place[:3, :3] + place[3, :3]
    binding = UsdSkel.BindingAPI(mesh)
    names = list(binding.GetBlendShapesAttr().Get())
    targets = np.zeros((len(names), *points.shape))
    for index, target in enumerate(binding.GetBlendShapeTargetsRel().GetTargets()):
        shape = UsdSkel.BlendShape.Get(stage, target)
        offsets = np.array(shape.GetOffsetsAttr().Get()).reshape(-1, 3) @ place[:3, :3]
        moved = shape.GetPointIndicesAttr().Get()
        targets[index, slice(None) if moved is None else np.array(moved)] = offsets
    skeleton = UsdSkel.Skeleton.Get(stage, binding.GetSkeletonRel().GetTargets()[0])
    joints = [name.split("/")[-1] for name in skeleton.GetJointsAttr().Get()]
    chosen = np.array(binding.GetJointIndicesAttr().Get()).reshape(len(points), -1)
    given = np.array(binding.GetJointWeightsAttr().Get()).reshape(len(points), -1)
    weights = np.zeros((len(points), len(joints)))
    np.add.at(weights, (np.arange(len(points))[:, None], chosen), given)
    pictures = [shader.GetInput("file").Get() for shader in map(UsdShade.Shader, stage.Traverse())
                if shader and shader.GetIdAttr().Get() == "UsdUVTexture"]
    there = [Path(picture.path).name for picture in pictures if picture and Path(picture.resolvedPath).is_file()]
    assert len(there) == len(pictures), pictures
    turns = [UsdGeom.Xformable(prim).GetLocalTransformation() for prim in stage.Traverse()
             if prim.IsA(UsdGeom.Xformable)]
    np.savez(out, points=points, targets=targets, names=names, joints=joints, weights=weights, pictures=there,
             problems=[f"{item.GetIdentifier()}: {item.GetMessage()}" for item in problems],
             up=UsdGeom.GetStageUpAxis(stage), metres=UsdGeom.GetStageMetersPerUnit(stage),
             turned=sum(turn != Gf.Matrix4d(1) for turn in turns), root=stage.GetDefaultPrim().GetName())


if __name__ == "__main__":
    main(*sys.argv[1:])
