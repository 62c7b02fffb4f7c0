"""From a bundle to Blender's datablocks, and back out. Nothing here knows a button, a panel or an operator."""
