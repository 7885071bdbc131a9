"""Three telling states of each environment of classic control, MinAtar and Pong: at
the start, in the middle, and shortly before the end."""

import functools as ft
import math
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr

import eqenvs
from eqenvs.environments.arcade import PongState
from eqenvs.environments.classic_control import (
    AcrobotState,
    CartPoleState,
    ContinuousMountainCarState,
    MountainCarState,
    PendulumState,
)


CLASSIC_CONTROL = {
    "CartPole-v1": (
        CartPoleState,
        [
            dict(x=0.03, x_dot=0.0, theta=-0.04, theta_dot=0.0, time=0),
            dict(x=-0.9, x_dot=-0.4, theta=0.12, theta_dot=0.3, time=90),
            dict(x=2.3, x_dot=1.2, theta=-0.2, theta_dot=-0.8, time=231),
        ],
    ),
    "Pendulum-v1": (
        PendulumState,
        [
            dict(theta=math.pi - 0.3, theta_dot=0.4, time=0),
            dict(theta=-1.9, theta_dot=5.0, time=60),
            dict(theta=0.1, theta_dot=-0.2, time=199),
        ],
    ),
    "Acrobot-v1": (
        AcrobotState,
        [
            dict(theta_1=0.05, theta_2=-0.08, theta_dot_1=0.0, theta_dot_2=0.0, time=0),
            dict(theta_1=-1.1, theta_2=1.7, theta_dot_1=2.0, theta_dot_2=1.0, time=40),
            dict(theta_1=2.2, theta_2=0.7, theta_dot_1=2.0, theta_dot_2=4.0, time=83),
        ],
    ),
    "MountainCar-v0": (
        MountainCarState,
        [
            dict(position=-0.52, velocity=0.0, time=0),
            dict(position=-1.0, velocity=-0.03, time=60),
            dict(position=0.46, velocity=0.04, time=109),
        ],
    ),
    "MountainCarContinuous-v0": (
        ContinuousMountainCarState,
        [
            dict(position=-0.45, velocity=0.0, time=0),
            dict(position=-1.19, velocity=-0.01, time=60),
            dict(position=0.1, velocity=0.06, time=80),
        ],
    ),
}

PONG = [
    {},
    dict(left_paddle=19, right_paddle=8, row=22, column=7, time=133)
    | dict(last_row=21, last_column=8),
    dict(left_paddle=4.5, right_paddle=24, row=26.5, column=38, time=388)
    | dict(last_row=25, last_column=37),
]

# A seed, and after how many steps of random play a state is taken. In most games the
# last one is followed by the end.
MINATAR = {
    "Asterix-MinAtar": (8, (0, 120, 269)),
    "Breakout-MinAtar": (194, (0, 20, 47)),
    "Freeway-MinAtar": (34, (0, 150, 399)),
    "Seaquest-MinAtar": (63, (0, 122, 205)),
    "SpaceInvaders-MinAtar": (259, (0, 150, 293)),
}

IDS = (*CLASSIC_CONTROL, *MINATAR, "Pong-misc")


@ft.cache
def states(id: str) -> list[Any]:
    """The three states of the environment `eqenvs.make(id)`."""
    if id in MINATAR:
        return _played(id, *MINATAR[id])
    if id == "Pong-misc":
        _, first = eqenvs.make(id).reset(jr.key(0))
        cls, all_changes = PongState, PONG
        template = {name: getattr(first, name) for name in vars(first)}
    else:
        cls, all_changes = CLASSIC_CONTROL[id]
        template = {}
    return [
        cls(**template | {name: _number(name, x) for name, x in changes.items()})
        for changes in all_changes
    ]


def _number(name: str, value: float) -> jax.Array:
    return jnp.int32(value) if name == "time" else jnp.asarray(value, float)


def _played(id: str, seed: int, steps: tuple[int, ...]) -> list[Any]:
    """States of an episode that is played at random."""
    env: Any = eqenvs.make(id)

    @jax.jit
    def play(key):
        reset_key, key = jr.split(key)

        def one_step(state, key):
            action_key, key = jr.split(key)
            action = jr.randint(action_key, (), 0, env.action_space.n, jnp.int32)
            return env.transition(key, state, action).state, state

        keys = jr.split(key, max(steps) + 1)
        return jax.lax.scan(one_step, env.initial_state(reset_key), keys)[1]

    trajectory = play(jr.key(seed))
    return [jax.tree.map(lambda x, i=i: x[i], trajectory) for i in steps]
