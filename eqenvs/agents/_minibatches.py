"""Epochs of minibatches."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int32, Key, PyTree, UInt32


def check_minibatches(algorithm: Any) -> None:
    """Raises `ValueError` if the steps of an update are not a whole number of
    minibatches."""
    if algorithm.steps_per_update % algorithm.num_minibatches != 0:
        raise ValueError(
            "num_envs * rollout_steps must be a multiple of num_minibatches; got "
            f"{algorithm.num_envs} * {algorithm.rollout_steps} and "
            f"{algorithm.num_minibatches}."
        )


def scan_minibatches(
    algorithm: Any,
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: PyTree,
    batch: PyTree[Array],
    lanes: UInt32[Array, " lanes"],
    key: Key[Array, ""],
) -> tuple[Any, Any]:
    """Scans `num_epochs` times over `batch`, in randomly ordered minibatches.

    **Arguments:**

    - `algorithm`: has `num_epochs` and `num_minibatches`.
    - `step`: a function from a carry and a minibatch to a carry and an output.
    - `carry`: the first carry.
    - `batch`: arrays with a leading axis for steps of lanes: all lanes of the first
        step, all lanes of the second step, and so on.
    - `lanes`: the numbers of the lanes.
    - `key`: a JAX PRNG key for the order.

    **Returns:**

    The last carry, and the outputs with axes for epochs and minibatches.
    """
    num_steps = jax.tree.leaves(batch)[0].shape[0] // lanes.size

    def epoch(carry, key):
        order = shuffle(key, lanes, num_steps, algorithm.num_minibatches)
        minibatches = jax.tree.map(lambda x: x[order], batch)
        return jax.lax.scan(step, carry, minibatches)

    return jax.lax.scan(epoch, carry, jr.split(key, algorithm.num_epochs))


def shuffle(
    key: Key[Array, ""],
    lanes: UInt32[Array, " lanes"],
    num_steps: int,
    num_minibatches: int,
) -> Int32[Array, "num_minibatches size"]:
    """Deals the steps of lanes out to minibatches.

    Every minibatch gets as many steps of one lane as of any other. If the steps of a
    lane cannot be divided evenly, this holds for small groups of consecutive lanes. So
    a device needs nothing but its own lanes, wherever the others are; and minibatches
    are more alike than they would be if all steps were shuffled together.

    **Arguments:**

    - `key`: for the order.
    - `lanes`: the numbers of the lanes: each group draws from its own.
    - `num_steps`: the number of steps in each lane.
    - `num_minibatches`: the number of minibatches.

    **Returns:**

    For each minibatch, where its steps are in an array of all lanes of the first step,
    all lanes of the second step, and so on.
    """
    group_size = num_minibatches // math.gcd(num_minibatches, num_steps)
    if lanes.size % group_size != 0:
        raise ValueError(
            f"with {num_minibatches} minibatches of {num_steps} steps, the number of "
            f"lanes on each device must be a multiple of {group_size}; got "
            f"{lanes.size}."
        )

    def deal(number, first):
        order = random_order(jr.fold_in(key, number), num_steps * group_size)
        step, lane = order // group_size, first + order % group_size
        return (step * lanes.size + lane).reshape(num_minibatches, -1)

    firsts = jnp.arange(0, lanes.size, group_size, dtype=jnp.int32)
    order = jax.vmap(deal, out_axes=1)(lanes[::group_size], firsts)
    return order.reshape(num_minibatches, -1)


def random_order(key: Key[Array, ""], count: int) -> Int32[Array, " count"]:
    """The numbers `0, 1, ..., count - 1` in random order.

    It sorts words with the numbers in their low bits and random bits above, which takes
    a tenth of the time of `jax.random.permutation`. If the random bits of two words
    agree, the smaller number comes first, which makes no difference to a minibatch.
    """
    low_bits = (count - 1).bit_length()
    if low_bits > 20:
        return jr.permutation(key, count).astype(jnp.int32)
    mask = np.uint32(2**low_bits - 1)
    words = jr.bits(key, (count,), jnp.uint32) & ~mask
    words = jnp.sort(words | jnp.arange(count, dtype=jnp.uint32))
    return (words & mask).astype(jnp.int32)
