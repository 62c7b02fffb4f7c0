"""A layout that draws nothing and asks of everything that is drawn that it exists: a button or a property that does not
is an error here as it is in a window."""

from typing import Any

import bpy


class Layout:
    """What was drawn: texts, operators, properties."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.operators: list[str] = []
        self.properties: list[str] = []

    def label(self, text: str = "", icon: str = "NONE", **_: Any) -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items, icon
        self.texts.append(text)

    def progress(self, factor: float, text: str = "", **_: Any) -> None:
        assert 0 <= factor <= 1
        self.texts.append(text)

    def prop(self, data: Any, key: str, text: str | None = None, **_: Any) -> None:
        if not key.startswith("["):
            assert key in data.bl_rna.properties, key
        assert data.path_resolve(key) is not None or isinstance(data, bpy.types.PropertyGroup)
        self.properties.append(key)
        self.texts.append(text or "")

    def template_icon(self, icon_value: int, scale: float) -> None:
        assert icon_value >= 0
        assert scale > 0

    def template_icon_view(self, data: Any, key: str, **_: Any) -> None:
        assert key in data.bl_rna.properties, key
        assert getattr(data, key)
        self.properties.append(key)

    def operator(self, key: str, text: str | None = None, icon: str = "NONE", **_: Any) -> Any:
        assert icon in bpy.types.UILayout.bl_rna.functions["operator"].parameters["icon"].enum_items, icon
        group, function = key.split(".")
        kind = getattr(getattr(bpy.ops, group), function).get_rna_type()
        self.operators.append(key)
        self.texts.append(text or "")

        class Options:
            def __setattr__(self, option: str, value: Any) -> None:
                assert option in kind.properties, option
                super().__setattr__(option, value)

            def __getattr__(self, option: str) -> Any:
                assert option in kind.properties, option
                return More()

        return Options()

    def operator_menu_enum(self, key: str, prop: str, **_: Any) -> Any:
        group, function = key.split(".")
        assert getattr(getattr(bpy.ops, group), function).get_rna_type().properties[prop].type == "ENUM", (key, prop)
        return setattr(self.operator(key), prop, None)

    def separator(self, **_: Any) -> None:
        self.texts.append("")

    def menu(self, key: str, icon: str = "NONE", **_: Any) -> None:
        assert hasattr(bpy.types, key), key

    def box(self, **_: Any) -> "Layout":
        return self

    row = column = box


class More(list[Any]):
    """A collection that is filled."""

    def add(self) -> Any:
        self.append(bpy.types.OperatorFileListElement)
        return type("Item", (), {})()


def draw(panel: type, layout: Layout | None = None) -> Layout | None:
    """Draw a panel where its poll lets it; what was drawn, None where it is hidden."""
    if hasattr(panel, "poll") and not panel.poll(bpy.context):
        return None
    layout = layout or Layout()
    panel.draw(type("Drawn", (), {"layout": layout, **{name: getattr(panel, name) for name in dir(panel)
                                                       if name in ("shown", "has_parts")}})(), bpy.context)
    return layout
