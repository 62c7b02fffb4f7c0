"""From an `ObservedTexture` to `SkinMaps`: light out of the skin, completion, specular, roughness, displacement."""
