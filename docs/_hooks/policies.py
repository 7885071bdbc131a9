"""Short policies that make the pictures on the site worth watching.

They play where no trained agent comes with the library. An environment without either
is played by a random policy.
"""

from typing import Any

import jax.numpy as jnp


def _balance(key: Any, x: Any) -> Any:
    del key
    return jnp.where(0.02 * x[0] + 0.1 * x[1] + x[2] + 0.4 * x[3] > 0, 1, 0)


def _bsuite_balance(key: Any, x: Any) -> Any:
    del key
    lean = 0.1 * x[0] + 0.2 * x[1] + x[2] + 0.3 * x[4]
    return jnp.where(lean > 0, 2, 0)


def _swing_up(key: Any, x: Any) -> Any:
    """Pumps energy until the pendulum is nearly upright, then holds it there."""
    del key
    cos, sin, speed = x
    energy = speed**2 / 6 + 5 * (cos - 1)
    pump = jnp.where(energy < 0, 2.0, -2.0) * jnp.where(speed >= 0, 1.0, -1.0)
    hold = -12 * sin - 3 * speed
    is_near = (cos > 0.95) & (jnp.abs(speed) < 2)
    return jnp.clip(jnp.where(is_near, hold, pump), -2.0, 2.0)[None]


def _pump(key: Any, x: Any) -> Any:
    """Acrobot: pushes the second link the way it turns."""
    del key
    return jnp.where(x[5] >= 0, 2, 0)


def _rock(key: Any, x: Any) -> Any:
    """The mountain cars: accelerates the way the car moves."""
    del key
    return jnp.where(x[1] >= 0, 2, 0)


def _rock_gently(key: Any, x: Any) -> Any:
    del key
    return jnp.where(x[1] >= 0, 1.0, -1.0)[None]


def _follow_ball(key: Any, x: Any) -> Any:
    """Breakout: moves the paddle to where the ball will be one row lower."""
    del key
    columns = jnp.arange(10)

    def column(channel: int) -> Any:
        return jnp.argmax(jnp.any(x[..., channel], axis=0))

    paddle, ball, last = column(0), column(1), column(2)
    target = jnp.clip(2 * ball - last, columns[0], columns[-1])
    return jnp.where(target < paddle, 1, jnp.where(target > paddle, 2, 0))


def _catch(key: Any, x: Any) -> Any:
    del key
    ball, paddle = jnp.argmax(jnp.max(x[:-1], axis=0)), jnp.argmax(x[-1])
    return 1 + jnp.sign(ball - paddle)


def _return_ball(key: Any, x: Any) -> Any:
    """Pong: moves the paddle to the ball's row."""
    del key
    rows = jnp.arange(x.shape[0])
    paddle = jnp.sum(jnp.where(x[:, 0, 0], rows, 0)) / jnp.sum(x[:, 0, 0])
    ball = jnp.argmax(jnp.any(x[..., 1], axis=1))
    return jnp.where(ball < paddle - 0.5, 1, jnp.where(ball > paddle + 0.5, 2, 0))


def _cross(key: Any, x: Any) -> Any:
    """Freeway: always goes up."""
    del key, x
    return jnp.array(1)


def _along_the_cliff(key: Any, x: Any) -> Any:
    del key
    at_bottom, at_right = x >= 36, x % 12 == 11
    return jnp.where(at_right, 2, jnp.where(at_bottom, 0, 1))


def _stick_at_17(key: Any, x: Any) -> Any:
    del key
    return jnp.where(x[0] < 17, 1, 0)


def _take_umbrella(key: Any, x: Any) -> Any:
    del key
    return (x[0] > 0).astype(jnp.int32)


def _reach(key: Any, x: Any) -> Any:
    """Reacher: the transposed Jacobian of the arm's end, with some damping."""
    del key
    cos, sin, speed, goal = x[0:2], x[2:4], x[4:6], x[6:8]
    segments = jnp.stack([cos, sin], axis=-1)
    error = goal - jnp.sum(segments, axis=0)
    arms = jnp.cumsum(segments[::-1], axis=0)[::-1]
    torque = arms[:, 0] * error[1] - arms[:, 1] * error[0]
    return jnp.clip(torque - 0.5 * speed, -1.0, 1.0)


POLICIES = {
    "CartPole": _balance,
    "BsuiteCartPole": _bsuite_balance,
    "Pendulum": _swing_up,
    "Acrobot": _pump,
    "MountainCar": _rock,
    "BsuiteMountainCar": _rock,
    "ContinuousMountainCar": _rock_gently,
    "Breakout": _follow_ball,
    "Freeway": _cross,
    "Catch": _catch,
    "Pong": _return_ball,
    "CliffWalking": _along_the_cliff,
    "Blackjack": _stick_at_17,
    "UmbrellaChain": _take_umbrella,
    "Reacher": _reach,
}
