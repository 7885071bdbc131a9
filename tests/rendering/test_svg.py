import xml.etree.ElementTree as ET

import equinox as eqx
import jax
import numpy as np
import pytest

from eqenvs.rendering import Disc, Scene, Text, to_svg
from eqenvs.rendering.colors import RED

from .scenes import Cart, cart_states, every_shape, shape_zoo


SVG = "{http://www.w3.org/2000/svg}"


def test_a_scene_is_one_complete_picture():
    root = ET.fromstring(to_svg(every_shape(), 500))
    assert root.tag == SVG + "svg"
    assert (root.get("width"), root.get("height")) == ("500", "300")
    assert every_shape()._repr_svg_() == to_svg(every_shape())


def test_coordinates_have_y_down():
    root = ET.fromstring(to_svg(Scene(Disc((1, 1.5), 0.25, RED), (0, 0, 4, 2)), 400))
    circle = root.find(f".//{SVG}circle")
    assert circle is not None
    assert circle.attrib == {"cx": "100", "cy": "50", "r": "25", "fill": "#c5402f"}


def test_a_batch_is_a_grid():
    scenes = jax.vmap(Cart().draw)(cart_states(5))
    root = ET.fromstring(to_svg(scenes))
    pictures = root.findall(f"{SVG}svg")
    assert len(pictures) == 5
    places = {(p.get("x"), p.get("y")) for p in pictures}
    assert len(places) == 5
    assert len(ET.fromstring(to_svg(jax.vmap(Cart().draw)(cart_states(70))))) == 64


def test_what_is_absent_is_not_written():
    scene = Scene(
        Disc([(0, 0), (1, 1), (np.nan, 2)], 1, RED, [0, 0.5, 1]), (0, 0, 1, 1)
    )
    assert to_svg(scene).count("<circle") == 1


def test_text_can_be_read_aloud():
    text = Text("<{}>", (0, 0), 1, RED, number=3)
    assert "<title>&lt;3&gt;</title>" in to_svg(Scene(text, (0, 0, 1, 1)))


@pytest.mark.parametrize("extreme", [np.nan, np.inf, -np.inf, 3e38, 0, -1])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_extreme_numbers_give_a_picture(extreme):
    for name, scene in shape_zoo().items():
        leaves, structure = jax.tree.flatten(scene)
        for i, leaf in enumerate(leaves):
            if leaf.dtype != np.int32:
                changed = [*leaves[:i], np.full_like(leaf, extreme), *leaves[i + 1 :]]
                svg = to_svg(structure.unflatten(changed))
                ET.fromstring(svg)
                assert "nan" not in svg and "inf" not in svg, (name, i)


def test_mistakes_are_named(unchecked):
    del unchecked
    with pytest.raises(TypeError, match="takes a Scene"):
        to_svg(3)  # pyright: ignore
    with pytest.raises(TypeError, match="cannot be compiled"):
        eqx.filter_jit(to_svg)(every_shape())
    scenes = eqx.filter_vmap(eqx.filter_vmap(Cart().draw))(
        jax.tree.map(lambda x: x.reshape(2, 2), cart_states(4))
    )
    with pytest.raises(ValueError, match="one leading axis"):
        to_svg(scenes)
