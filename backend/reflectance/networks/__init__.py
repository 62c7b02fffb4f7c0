"""The learned method: a network that tells the light on the skin, and the tone, from an unwrapped photo.

It predicts the light and not the skin, because albedo = (photo - highlight) / shading then keeps every mole that the
photo shows at full resolution. Trained by `backend.training.reflectance`.
"""
