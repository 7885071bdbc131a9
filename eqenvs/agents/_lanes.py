"""Lanes that are spread over devices, as an algorithm sees them.

In `train(..., mesh=mesh)`, every device makes the same updates with its share of the
lanes and a copy of everything else. Here is all that an algorithm has to know: which
lanes are on this device, and what is averaged over all of them. On a single device
these are all lanes, and plain means.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.flatten_util
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._environment import AbstractEnvironment
from .._episodes import EpisodeStatistics
from .._varying import vary
from .._vector import VectorEnvironment


Tree = TypeVar("Tree")

# The axis of the mesh of devices. A mesh of anybody else has no axis of this name.
AXIS = "lanes of eqenvs.agents"


def num_devices() -> int:
    """The number of devices that the lanes are spread over."""
    mesh = jax.sharding.get_abstract_mesh()
    return mesh.shape[AXIS] if AXIS in mesh.manual_axes else 1


def lanes_here(env: AbstractEnvironment, num_envs: int) -> VectorEnvironment:
    """The lanes of this device, which keep their numbers among all `num_envs`."""
    devices = num_devices()
    if devices == 1:
        return VectorEnvironment(env, num_envs)
    if num_envs % devices != 0:
        raise ValueError(
            f"num_envs must be a multiple of the {devices} devices of the mesh; got "
            f"{num_envs}."
        )
    share = num_envs // devices
    return VectorEnvironment(
        env, share, first_lane=jax.lax.axis_index(AXIS) * jnp.int32(share)
    )


def part_here(x: Float[Array, "total ..."]) -> Float[Array, "part ..."]:
    """The part of a population that this device plays."""
    devices = num_devices()
    if devices == 1:
        return x
    if x.shape[0] % devices != 0:
        raise ValueError(
            f"population_size must be a multiple of the {devices} devices of the mesh; "
            f"got {x.shape[0]}."
        )
    share = x.shape[0] // devices
    start = jax.lax.axis_index(AXIS) * share
    return jax.lax.dynamic_slice_in_dim(x, start, share)


def gather(part: Float[Array, " part"]) -> Float[Array, " total"]:
    """The numbers of all devices, each of which has a part of them."""
    devices = num_devices()
    if devices == 1:
        return part
    start = jax.lax.axis_index(AXIS) * part.size
    total = vary(jnp.zeros(devices * part.size, part.dtype), frozenset({AXIS}))
    total = jax.lax.dynamic_update_slice_in_dim(total, part, start, axis=0)
    return jax.lax.psum(total, AXIS)


def average(tree: Tree) -> Tree:
    """The mean over the devices of each number in a tree."""
    if num_devices() == 1:
        return tree
    # As a single array, because each message takes its time, however short it is.
    numbers, restore = jax.flatten_util.ravel_pytree(tree)
    return restore(jax.lax.pmean(vary(numbers, frozenset({AXIS})), AXIS))


def mean(x: Float[Array, "..."]) -> Float[Array, ""]:
    """The mean over all lanes, of an array of the same size on all devices."""
    return average(x.mean())


def variance(x: Float[Array, "..."]) -> Float[Array, ""]:
    """The variance over all lanes, of an array of the same size on all devices."""
    return mean((x - mean(x)) ** 2)


def mean_episode(
    episodes: EpisodeStatistics,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The mean return and the mean length of the lanes' last episodes.

    Lanes without a finished episode do not count; NaN if there is none at all.
    """
    known = ~jnp.isnan(episodes.last_return)
    total_return, total_length, count = average(
        tuple(
            jnp.where(known, x, 0.0).sum()
            for x in (episodes.last_return, episodes.last_length, jnp.ones(()))
        )
    )
    return total_return / count, total_length / count


def gradient(
    loss: Callable[[Tree], tuple[Float[Array, ""], Any]], weights: Tree
) -> tuple[Tree, Any]:
    """The gradient of a loss that is a mean over all lanes.

    **Arguments:**

    - `loss`: from weights to the mean over the lanes of this device, and anything else.
    - `weights`: the same on all devices.

    **Returns:**

    The gradient of the mean over all lanes, and the `anything else` of this device.
    """
    if num_devices() > 1:
        weights = vary(weights, frozenset({AXIS}))
    slope, other = jax.grad(loss, has_aux=True)(weights)
    return average(slope), other
