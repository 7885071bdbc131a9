import functools as ft

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqenvs.rendering import Cells, Disc, rasterize, Rectangle, Scene, Segment, Text
from eqenvs.rendering.colors import BLACK, GREEN, INK, RED, WHITE
from eqenvs.rendering.raster import _draw

from .scenes import Cart, cart_states, every_shape, shape_zoo


ZOO = shape_zoo()
SIZE = (30, 40)


def pixels(scene, size=SIZE):
    return np.asarray(rasterize(scene, size)).astype(int)


@ft.cache
def zoo_pixels(name):
    return pixels(ZOO[name])


def test_a_picture_has_rows_from_the_top():
    scene = Scene(Rectangle((0.5, 1.5), (1, 1), BLACK), (0, 0, 4, 2), WHITE)
    picture = pixels(scene, (2, 4))
    assert picture.shape == (2, 4, 3)
    np.testing.assert_array_equal(picture[..., 0], [[0, 255, 255, 255], [255] * 4])


def test_edges_are_smooth():
    # Half a pixel is covered in x, a quarter in y.
    scene = Scene(Rectangle((0.75, 0.125), (1.5, 0.25), BLACK), (0, 0, 2, 2), WHITE)
    picture = pixels(scene, 2)[..., 0]
    np.testing.assert_array_equal(picture, [[255, 255], [191, 223]])


def test_the_area_of_a_disc_and_of_a_polygon_is_right():
    for name, area in {
        "disc": np.pi * 0.9**2,
        "circle": np.pi * (1.05**2 - 0.75**2),
        "segment": np.pi * 0.2**2 + 0.4 * np.hypot(2.7, 1.8),
        "rectangle": 1.7 * 0.9,
        "turned rectangle": 1.7 * 0.9,
        "turned frame": 1.9 * 1.1 - 1.5 * 0.7,
        "polygon": 1.745,
    }.items():
        black = eqx.tree_at(
            lambda s: (s.shapes[0].color, s.background),
            ZOO[name],
            (np.zeros((1, 3), np.float32), WHITE),
        )
        covered = (255 - pixels(black, (60, 80))[..., 0]).sum() / 255 / 400
        assert covered == pytest.approx(area, rel=0.012), name


def test_the_view_is_fitted_and_centered():
    scene = Scene(Rectangle((1, 0.5), (2, 1), RED), (0, 0, 2, 1), WHITE)
    tall, wide = pixels(scene, (8, 4)), pixels(scene, (4, 16))
    white = np.all(tall == 255, -1)
    np.testing.assert_array_equal(white.all(1), [True] * 3 + [False] * 2 + [True] * 3)
    white = np.all(wide == 255, -1)
    np.testing.assert_array_equal(white.all(0), [True] * 4 + [False] * 8 + [True] * 4)


def test_later_shapes_cover_earlier_ones_and_opacity_blends():
    square = ft.partial(Rectangle, (0.5, 0.5), (1, 1))
    view = (0, 0, 1, 1)
    over = pixels(Scene((square(RED), square(GREEN)), view), 1)[0, 0]
    np.testing.assert_allclose(over, 255 * GREEN, atol=0.51)
    blended = pixels(Scene((square(RED), square(GREEN, 0.25)), view), 1)[0, 0]
    np.testing.assert_allclose(blended, 255 * (0.75 * RED + 0.25 * GREEN), atol=0.51)
    absent = pixels(Scene((square(RED), square(GREEN, False)), view), 1)[0, 0]
    np.testing.assert_allclose(absent, 255 * RED, atol=0.51)


def test_items_are_drawn_like_one_shape_after_another():
    for name in ("discs", "many discs", "colored discs", "polygons", "numbers"):
        shape = ZOO[name].shapes[0]
        number = shape.num_items

        def item(i, shape=shape, number=number):
            return jax.tree.map(
                lambda x: x[i : i + 1] if x.shape[0] == number else x, shape
            )

        alone = Scene([item(i) for i in range(number)], ZOO[name].view)
        np.testing.assert_allclose(pixels(alone), zoo_pixels(name), atol=1)


@pytest.mark.parametrize("name", ZOO)
def test_mapping_gives_what_each_scene_alone_gives(name):
    scene = ZOO[name]
    other = eqx.tree_at(lambda s: s.view, scene, scene.view + np.float32(0.3))
    both = jax.tree.map(lambda *x: jnp.stack(x), scene, other)
    result = jax.jit(jax.vmap(ft.partial(rasterize, size=SIZE)))(both)
    np.testing.assert_allclose(result[0].astype(int), zoo_pixels(name), atol=1)
    np.testing.assert_allclose(result[1].astype(int), pixels(other), atol=1)


@pytest.mark.parametrize("name", ZOO)
def test_known_numbers_draw_the_same_picture(name):
    # With the scene as a constant of the program: crops, and cells of whole pixels.
    result = jax.jit(lambda: _draw(ZOO[name], *SIZE))()
    np.testing.assert_allclose(result.astype(int), zoo_pixels(name), atol=1)


@pytest.mark.parametrize("name", ZOO)
def test_every_number_is_seen(name):
    scene = ZOO[name]
    leaves, structure = jax.tree.flatten(scene)
    before = zoo_pixels(name)
    for i, leaf in enumerate(leaves):
        if leaf is scene.background and name == "cells":
            continue  # They leave nothing of it.
        if leaf.dtype == np.int32:
            changed = (leaf + 1) % 2
        else:
            shift = np.linspace(0.3, 0.45, leaf.size, dtype=np.float32)
            changed = leaf + shift.reshape(leaf.shape)
            if leaf.min() >= 0 and leaf.max() <= 1:
                changed = np.where(changed > 1, leaf - 0.4, changed)
        other = structure.unflatten([*leaves[:i], changed, *leaves[i + 1 :]])
        assert np.any(pixels(other) != before), (name, i)


@ft.partial(jax.jit, static_argnums=0)
def planes(structure, leaves):
    return rasterize(structure.unflatten(leaves), (6, 8))


@pytest.mark.parametrize("extreme", [np.nan, np.inf, -np.inf, 3e38, 1e-38, 0, -1])
def test_nothing_breaks_for_extreme_numbers(extreme):
    for name, scene in ZOO.items():
        leaves, structure = jax.tree.flatten(scene)
        normal = np.asarray(planes(structure, leaves)).astype(int)
        background = np.round(255 * scene.background).astype(int)
        for i, leaf in enumerate(leaves):
            if leaf.dtype == np.int32:
                continue
            changed = np.full_like(leaf, extreme)
            result = planes(structure, [*leaves[:i], changed, *leaves[i + 1 :]])
            if np.isnan(extreme) and leaf is not scene.background:
                # What is not known is not drawn: neither are pixels black.
                is_shown = np.abs(result.astype(int) - background).max(-1) > 1
                is_number = name == "numbers" and i == 4
                is_color = leaf.shape[-1] == 3
                if not (is_number or is_color):
                    assert not is_shown.any(), (name, i)
        assert normal.std() > 0


def test_a_shape_that_is_not_known_does_not_hide_the_others():
    def draw(x):
        shapes = (Disc((x, 1), 0.5, RED), Disc((3, 1), 0.5, RED))
        return rasterize(Scene(shapes, (0, 0, 4, 2)), (4, 8)).astype(int)

    present, absent = jax.jit(draw)(jnp.float32(1)), jax.jit(draw)(jnp.float32(jnp.nan))
    np.testing.assert_array_equal(present[:, 4:], absent[:, 4:])
    assert len(np.unique(absent[:, :4])) <= 3


def test_cells_of_whole_pixels_are_exact():
    values = np.arange(12).reshape(3, 4) % 3
    palette = np.array([RED, GREEN, INK])
    expected = np.round(palette[values] * 255).repeat(5, 0).repeat(5, 1)
    scene = Scene(Cells(values, palette), (0, 0, 4, 3))
    known = jax.jit(
        lambda v: rasterize(Scene(Cells(v, palette), (0, 0, 4, 3)), (15, 20))
    )
    np.testing.assert_array_equal(known(values), expected)
    np.testing.assert_array_equal(pixels(scene, (15, 20)), expected)


def test_cells_average_over_pixels():
    checkered = np.indices((8, 8)).sum(0) % 2
    scene = Scene(Cells(checkered, [BLACK, WHITE]), (0, 0, 8, 8))
    np.testing.assert_allclose(pixels(scene, 2), 127.5, atol=1)


def test_indices_outside_of_the_palette_take_its_ends():
    scene = Scene(Cells([[-3, 7]], [RED, GREEN]), (0, 0, 2, 1))
    np.testing.assert_array_equal(
        pixels(scene, (1, 2))[0], np.round([255 * RED, 255 * GREEN])
    )


VIEW = (0, 0, 12, 2)


@ft.partial(jax.jit, static_argnames="anchor")
def draw_number(number, anchor):
    text = Text("a{}z", (6, 1), 0.8, INK, number=number, decimals=1, anchor=anchor)
    return rasterize(Scene(text, VIEW), (20, 120))


@pytest.mark.parametrize("number", [0, 9, -10, 1234.5, -0.05, 99999, np.nan, np.inf])
@pytest.mark.parametrize("anchor", ["left", "center", "right"])
def test_a_number_looks_like_its_string(number, anchor):
    from eqenvs.rendering._text import format_number

    string = "a" + format_number(number, 4, 1) + "z"
    text = Text(string, (6, 1), 0.8, INK, anchor=anchor)
    np.testing.assert_allclose(
        np.asarray(draw_number(np.float32(number), anchor)).astype(int),
        pixels(Scene(text, VIEW), (20, 120)),
        atol=1,
    )


def test_every_precision_and_strict_users(either_precision):
    del either_precision
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        result = rasterize(every_shape(), (36, 60))
        states = cart_states(3)
        carts = jax.jit(jax.vmap(lambda s: rasterize(Cart().draw(s), 24)))(states)
    assert result.dtype == jnp.uint8 and carts.shape == (3, 24, 24, 3)
    np.testing.assert_allclose(
        result.astype(int), pixels(every_shape(), (36, 60)), atol=1
    )


def test_drawing_is_deterministic():
    first = rasterize(every_shape(), (36, 60))
    np.testing.assert_array_equal(first, rasterize(every_shape(), (36, 60)))


def test_it_runs_in_a_loop():
    states = cart_states(4)
    draw = lambda state: rasterize(Cart().draw(state), 24)  # noqa: E731
    _, scanned = jax.lax.scan(lambda c, s: (c, draw(s)), 0, states)
    mapped = jax.jit(jax.vmap(draw))(states)
    np.testing.assert_allclose(scanned.astype(int), mapped.astype(int), atol=1)


@pytest.mark.parametrize(
    "size, message",
    [
        (0, "positive"),
        ((3, -1), "positive"),
        (2.5, "number of pixels"),
        ((1, 2, 3), "pair"),
    ],
)
def test_wrong_sizes_are_named(size, message, unchecked):
    del unchecked
    with pytest.raises((TypeError, ValueError), match=message):
        rasterize(every_shape(), size)


def test_a_batch_is_no_scene():
    scenes = jax.vmap(Cart().draw)(cart_states(2))
    with pytest.raises(ValueError, match="use `jax"):
        rasterize(scenes, 10)


def test_thin_lines_get_fainter_and_do_not_break():
    scene = Scene(Segment((0, 0.2), (4, 2.8), 0.005, BLACK), (0, 0, 4, 3), WHITE)
    columns = (255 - pixels(scene)[..., 0]).sum(0)
    assert columns.min() > 0.45 * columns.max() > 0


def test_pixels_are_computed_once_however_they_are_used():
    """Whatever reads the pixels is compiled apart from what computes them, or the
    compiler would compute a pixel for each of its uses."""

    @jax.jit
    def brightness(x):
        scene = Scene([Disc((x, 0.5), 0.2, (1, 0, 0))], (0, 0, 1, 1))
        return jnp.sum(rasterize(scene, 16).astype(jnp.float32))

    one = brightness.lower(jnp.float32(0.5)).compile().as_text()
    batch = jax.jit(jax.vmap(brightness)).lower(jnp.zeros(3)).compile().as_text()
    for program in (one, batch):
        assert " conditional(" in program
    slope = jax.jit(jax.vmap(jax.grad(brightness)))
    np.testing.assert_array_equal(slope(jnp.array([0.3, 0.6])), 0)
