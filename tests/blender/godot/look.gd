extends SceneTree
# Says of an imported head what Godot made of it, as one line of JSON.

func _init():
	var found = {"bones": [], "rests": [], "upright": true, "meshes": [], "animations": []}
	var file = "res://ada.glb" if ResourceLoader.exists("res://ada.glb") else "res://ada.fbx"
	walk(load(file).instantiate(), found)
	print("LIKENESS ", JSON.stringify(found))
	quit()

func walk(node, found):
	if node is Skeleton3D:
		for bone in node.get_bone_count():
			found.bones.append(node.get_bone_name(bone))
			var rest = node.get_bone_rest(bone)
			found.rests.append([rest.origin.x, rest.origin.y, rest.origin.z])
			found.upright = found.upright and rest.basis.is_equal_approx(Basis.IDENTITY)
	if node is AnimationPlayer:
		found.animations = Array(node.get_animation_list())
	if node is MeshInstance3D:
		var mesh = node.mesh
		var names = []
		for shape in mesh.get_blend_shape_count():
			names.append(mesh.get_blend_shape_name(shape))
		var base = []
		var open = []
		var jaw = names.find("jawOpen")
		for surface in mesh.get_surface_count():
			for place in mesh.surface_get_arrays(surface)[Mesh.ARRAY_VERTEX]:
				base.append_array([place.x, place.y, place.z])
			for place in mesh.surface_get_blend_shape_arrays(surface)[jaw][Mesh.ARRAY_VERTEX]:
				open.append_array([place.x, place.y, place.z])
		var textures = []
		for surface in mesh.get_surface_count():
			var material = mesh.surface_get_material(surface)
			if material.albedo_texture:
				textures.append(material.resource_name)
		found.meshes.append({"node": node.name, "names": names, "base": base, "open": open, "textures": textures,
			"relative": mesh.blend_shape_mode == Mesh.BLEND_SHAPE_MODE_RELATIVE, "skin": node.skin != null})
	for child in node.get_children():
		walk(child, found)
