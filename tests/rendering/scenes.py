"""Scenes that the tests draw, and an environment small enough to read."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from eqenvs._parametric import AbstractParametric
from eqenvs.fields import real
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
from eqenvs.rendering.colors import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SILVER,
    SKY,
    SLATE,
    YELLOW,
)


class CartState(eqx.Module):
    x: Float[Array, "..."]
    angle: Float[Array, "..."]
    time: Int32[Array, "..."] = eqx.field(default=0, converter=jnp.int32)


class Cart(AbstractParametric):
    """The picture of CartPole, of an environment that has nothing else."""

    length: Float[Array, ""] = real(1.0, "Length of the pole.", unit="m")

    def draw(self, state: CartState) -> Scene:
        hinge = (state.x, 0.1)
        tip = (
            state.x + self.length * jnp.sin(state.angle),
            0.1 + self.length * jnp.cos(state.angle),
        )
        return Scene(
            (
                Segment((-2.4, -0.12), (2.4, -0.12), 0.02, SLATE),
                Segment(([-2.4, 2.4], -0.2), ([-2.4, 2.4], -0.04), 0.02, SLATE),
                Rectangle((state.x, 0), (0.5, 0.2), BLUE),
                Segment(hinge, tip, 0.08, ORANGE),
                Disc(hinge, 0.05, INK),
            ),
            view=(-2.6, -0.5, 2.6, 1.4),
        )


def cart_states(number: int) -> CartState:
    return CartState(
        jnp.linspace(-2, 2, number),
        jnp.linspace(0.5, -0.5, number),
        jnp.arange(number),
    )


def every_shape(number=123.0) -> Scene:
    """One of everything, and many of most."""
    wave = np.linspace(0, 9, 40)
    return Scene(
        (
            Cells(
                np.arange(12).reshape(3, 4) % 3,
                [SKY, YELLOW, GREEN],
                box=(0.2, 0.2, 4.2, 3.2),
            ),
            Cells(
                np.full((2, 2, 3), 0.3), opacity=[[1, 0], [0, 0.5]], box=(1, 1, 3, 3)
            ),
            Disc([(5, 1), (5.7, 1), (6.4, 1)], [0.3, 0.25, 0.2], RED, [1, 0.5, 0]),
            Disc([(6.4, 1), (6.6, 1)], 0.2, [GREEN, PURPLE]),
            Disc((5, 2), 0.3, BLUE, outline=0.08),
            Rectangle((6, 2), (0.8, 0.4), ORANGE, angle=0.5),
            Rectangle((7, 2), (0.6, 0.6), RED, outline=0.1, angle=0.2),
            Rectangle((7, 3), (0.6, 0.6), RED, outline=0.1),
            Rectangle((7, 3), (0.3, 0.2), INK, 0.5),
            Polygon([(5, 3), (6, 3.1), (5.8, 4), (5.5, 3.3), (5.2, 4)], PURPLE),
            Polygon([(7.5, 3.5), (8.5, 3.6), (8, 4.3)], GREEN, outline=0.08),
            polyline((7.3 + wave * 0.27, 1 + 0.5 * np.sin(wave)), 0.05, INK),
            Text("ABCDEFGHIJKLM NOPQRSTUVWXYZ", (5, 5.6), 0.26, INK),
            Text("abcdefghijklm nopqrstuvwxyz", (5, 5.0), 0.26, INK),
            Text("0123456789 .,:;!?'\"-+±=×*/%<>()[]|_#°←→↑↓", (5, 4.5), 0.17, SLATE),
            Text("at {} of", (0.2, 3.7), 0.25, RED, number=number, anchor="left"),
            Text(
                "{} m",
                (9.8, 2.9),
                0.25,
                BLUE,
                number=-np.pi,
                decimals=2,
                anchor="right",
            ),
            Text(
                "{}",
                ([8.8, 9.2, 9.6], 3.5),
                0.2,
                BLUE,
                number=[7, np.nan, 1e9],
                digits=2,
            ),
        ),
        view=(0, 0, 10, 6),
    )


def shape_zoo() -> dict[str, Scene]:
    """One small scene for each kind of shape."""
    view = (0, 0, 4, 3)
    shapes = {
        "disc": Disc((2.1, 1.4), 0.9, RED),
        "circle": Disc((2.1, 1.4), 0.9, RED, outline=0.3),
        "discs": Disc([(1, 1), (2, 1.3), (3, 2)], [0.4, 0.9, 0.3], BLUE, [1, 0.5, 0.2]),
        "many discs": Disc((np.linspace(0, 4, 41), 1.5), 0.2, GREEN, 0.1),
        "colored discs": Disc(
            (np.linspace(0, 4, 41), 1.5), 0.2, np.linspace(0, 1, 123).reshape(41, 3)
        ),
        "segment": Segment((0.5, 0.5), (3.2, 2.3), 0.4, PURPLE),
        "hairline": Segment((0.5, 0.5), (3.2, 2.3), 0.01, INK),
        "point": Segment((2, 2), (2, 2), 0.8, ORANGE),
        "rectangle": Rectangle((2.1, 1.3), (1.7, 0.9), SKY),
        "frame": Rectangle((2.1, 1.3), (1.7, 0.9), SLATE, outline=0.2),
        "turned rectangle": Rectangle((2.1, 1.3), (1.7, 0.9), SKY, angle=0.4),
        "turned frame": Rectangle((2, 1.3), (1.7, 0.9), INK, angle=2.0, outline=0.2),
        "polygon": Polygon([(0.5, 0.4), (3.7, 1), (1.6, 1.3), (1.9, 2.7)], GREEN),
        "polygons": Polygon(
            np.array([[(0, 0), (1, 0), (0, 1)], [(3, 2), (4, 3), (2, 3)]]), [RED, BLUE]
        ),
        "outlined polygon": Polygon([(0.5, 0.4), (3.7, 1), (2, 2)], RED, outline=0.2),
        "long polygon": Polygon(
            2 + np.stack([f(np.linspace(0, 6.2, 50)) for f in (np.cos, np.sin)], -1),
            YELLOW,
        ),
        "cells": Cells(np.arange(12).reshape(3, 4) % 5, [RED, BLUE, GREEN, SKY, INK]),
        "some cells": Cells(
            np.arange(6).reshape(2, 3) % 2, [RED, SILVER], box=(0.5, 0.5, 3.5, 2.5)
        ),
        "masked cells": Cells(
            np.full((3, 4, 3), 0.2), opacity=np.arange(12).reshape(3, 4) / 12
        ),
        "text": Text("Ag 7", (2, 1.5), 1.0, INK),
        "numbers": Text(
            "{}", ([1, 3], [2, 1]), 0.7, [RED, BLUE], number=[-1.25, 30], decimals=1
        ),
    }
    return {name: Scene(shape, view) for name, shape in shapes.items()}
