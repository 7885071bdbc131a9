import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqenvs.rendering import (
    Cells,
    Disc,
    Polygon,
    polyline,
    Rectangle,
    Scene,
    Segment,
    Text,
)
from eqenvs.rendering._text import format_number
from eqenvs.rendering.colors import BLUE, INK, RED

from .scenes import Cart, cart_states, every_shape, shape_zoo


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    "center, expected",
    [
        (lambda x: (x, 2), [[1, 2]]),
        (lambda x: [x, 2], [[1, 2]]),
        (lambda x: x * np.array([1, 2]), [[1, 2]]),
        (lambda x: [(x, 2), (3, 4)], [[1, 2], [3, 4]]),
        (lambda x: ((x, 2), (3, 4)), [[1, 2], [3, 4]]),
        (lambda x: ([x, 3], 2), [[1, 2], [3, 2]]),
        (lambda x: (x, np.array([2, 3])), [[1, 2], [1, 3]]),
        (lambda x: (x * np.ones(3), np.arange(3)), [[1, 0], [1, 1], [1, 2]]),
    ],
)
def test_points_may_be_given_in_every_natural_way(center, expected, traced):
    def draw(x):
        return Disc(center(x), 1, RED).center

    x = jnp.int32(1)
    result = jax.jit(draw)(x) if traced else draw(1)
    np.testing.assert_array_equal(result, np.array(expected, np.float32))
    assert result.dtype == np.float32


def test_items_are_counted_by_any_argument():
    disc = Disc((0, 0), [1, 2, 3], RED)
    assert disc.center.shape == (3, 2) and disc.opacity.shape == (3,)
    assert disc.color.shape == (1, 3)
    assert Disc((0, 0), 1, [RED, BLUE]).radius.shape == (2,)
    assert Segment((0, 0), (1, [1, 2]), 1, RED).start.shape == (2, 2)
    corners = [(0, 0), (1, 0), (np.arange(4.0), 1)]
    assert Polygon(corners, RED).points.shape == (4, 3, 2)


def test_numbers_that_a_compiler_can_know_stay_known():
    disc = jax.eval_shape(lambda x: Disc((0, 0), x, RED), jnp.float32(1))
    assert disc.radius.shape == (1,)

    def draw(x):
        disc = Disc((0, 0), x, RED)
        assert isinstance(disc.center, np.ndarray)
        assert isinstance(disc.radius, jax.core.Tracer)
        return disc

    jax.jit(draw)(1.0)


def test_scenes_map_like_any_pytree():
    states = cart_states(5)
    scenes = jax.vmap(Cart().draw)(states)
    assert scenes.batch_shape == (5,) and len(scenes) == 5
    alone = Cart().draw(jax.tree.map(lambda x: x[3], states))
    assert alone.batch_shape == ()
    assert jax.tree.structure(alone) == jax.tree.structure(scenes[3])
    for x, y in zip(jax.tree.leaves(alone), jax.tree.leaves(scenes[3]), strict=True):
        np.testing.assert_array_equal(x, y)


def test_every_precision_gives_the_same_scene(either_precision):
    del either_precision
    scene = jax.jit(every_shape)(12)
    assert {leaf.dtype for leaf in jax.tree.leaves(scene)} == {
        np.dtype(np.float32),
        np.dtype(np.int32),
    }


def test_strict_users():
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        jax.jit(every_shape)(jnp.int32(3))
        jax.vmap(Cart().draw)(cart_states(2))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Disc((0, 0, 0), 1, RED), "center of Disc must have the shape"),
        (lambda: Disc((0, 0), 1, (255, 0, 0)), "color of Disc must be RGB from 0 to 1"),
        (lambda: Disc((0, 0), 1, (1, 0)), "color of Disc must have the shape"),
        (lambda: Disc((0, 0), [1, 2], RED, [1, 1, 1]), "for 3 items"),
        (lambda: Disc((0, 0), 1, RED, outline=0), "outline of Disc must be positive"),
        (lambda: Polygon([(0, 0), (1, 1)], RED), "at least three"),
        (lambda: polyline([(0, 0)], 1, RED), "at least two points"),
        (lambda: Cells([[0, 1]]), r"\(rows, columns, 3\)"),
        (lambda: Cells([[0.5]], [RED]), "must be integers"),
        (lambda: Cells([[1]], [RED], [1, 2]), "opacity of Cells"),
        (lambda: Cells([[1]], [RED], box=(1, 2)), "box of Cells"),
        (lambda: Text("ü", (0, 0), 1, RED), "cannot show the characters 'ü'"),
        (lambda: Text("x", (0, 0), 1, RED, number=3), "must hold {} once"),
        (lambda: Text("{}", (0, 0), 1, RED, number=3, digits=0), "digits of Text"),
        (lambda: Scene((), (0, 0, -1, 1)), "left < right"),
        (lambda: Scene((), (0, 0, 1)), "view of Scene"),
        (lambda: Scene((), (0, 0, 1, 1), [RED, RED]), "background of Scene"),
        (lambda: every_shape()[0], "one scene cannot be indexed"),
        (lambda: Scene((3,), (0, 0, 1, 1)), "shapes of Scene must be shapes"),
    ],
)
def test_mistakes_are_named(make, message, unchecked):
    del unchecked
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize(
    "number, digits, decimals, expected",
    [
        (0, 4, 0, "0"),
        (7.5, 4, 0, "8"),
        (-0.2, 4, 0, "0"),
        (-12.345, 4, 2, "-12.35"),
        (0.05, 4, 1, "0.1"),
        (99999, 4, 0, "9999"),
        (np.inf, 2, 1, "99.9"),
        (-np.inf, 2, 0, "-99"),
        (np.nan, 4, 2, "-.--"),
        (np.nan, 4, 0, "-"),
    ],
)
def test_numbers_are_written_like_this(number, digits, decimals, expected):
    assert format_number(number, digits, decimals) == expected


def test_the_environment_of_a_scene_can_be_differentiated_through():
    def height(angle):
        cart = Cart().draw(eqx.tree_at(lambda s: s.angle, cart_states(1), angle))
        return cart.shapes[3].end[..., 1].sum()  # pyright: ignore

    assert jax.grad(height)(jnp.float32(0.5)) == pytest.approx(-np.sin(0.5), rel=1e-5)


def test_the_zoo_has_every_shape():
    shown = {type(scene.shapes[0]) for scene in shape_zoo().values()}
    assert shown == {Cells, Disc, Polygon, Rectangle, Segment, Text}
    assert INK.dtype == np.float32
