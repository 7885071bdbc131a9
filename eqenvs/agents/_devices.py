"""Training on several devices, which may belong to several processes.

Every device runs the same program with its share of the lanes; `_lanes.py` has what an
algorithm sees of that. Every process calls `train` with the same arguments, and gets
the same result. The first of them alone shows progress, logs and saves.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from .._environment import AbstractEnvironment
from .._parametric import batch_axes
from ._lanes import AXIS


def as_lanes_mesh(mesh: Any) -> Mesh | None:
    """The devices of a mesh in a row; `None` for `None`."""
    if mesh is None:
        return None
    if not isinstance(mesh, Mesh):
        raise TypeError(
            "mesh must be a jax.sharding.Mesh, such as jax.make_mesh("
            f"(jax.device_count(),), ('lanes',)); got {mesh!r}."
        )
    processes = {device.process_index for device in mesh.devices.flat}
    if processes != {jax.process_index()} and len(processes) < jax.process_count():
        raise ValueError(
            "mesh must have devices of all processes, or of this one alone; got "
            f"devices of the processes {sorted(processes)} of {jax.process_count()}."
        )
    return Mesh(mesh.devices.reshape(-1), (AXIS,))


# Programs.


def spread(
    mesh: Mesh | None,
    function: Callable[..., Any],
    in_specs: Any,
    out_specs: Any,
    *,
    check_vma: bool = True,
) -> Callable[..., Any]:
    """`function` on all devices of a mesh.

    **Arguments:**

    - `mesh`: the devices; `None` for `function` itself.
    - `function`: a function of pytrees, which returns arrays.
    - `in_specs`, `out_specs`: how their arrays are spread: a pytree that may end where
        all further arrays are alike.
    """
    if mesh is None:
        return function

    def on_all(*args: Any) -> Any:
        arrays, rest = eqx.partition(args, eqx.is_array)
        return jax.shard_map(
            lambda *arrays: function(*eqx.combine(arrays, rest)),
            mesh=mesh,
            in_specs=in_specs,
            out_specs=out_specs,
            check_vma=check_vma,
        )(*arrays)

    return on_all


def env_specs(env: AbstractEnvironment) -> PyTree[PartitionSpec]:
    """How the arrays of an environment, or of a batch of them, are spread."""
    return jax.tree.map(
        lambda axis, x: _spec(axis) if eqx.is_array(x) else None,
        batch_axes(env),
        env,
        is_leaf=lambda axis: axis is None,
    )


def specs_of(here: PyTree, everywhere: PyTree) -> PyTree[PartitionSpec]:
    """How arrays are spread, which have these shapes on one device, and those."""

    def spec(x: Any, y: Any) -> PartitionSpec:
        pairs = enumerate(zip(x.shape, y.shape, strict=True))
        return _spec(next((i for i, (m, n) in pairs if m != n), None))

    return jax.tree.map(spec, here, everywhere)


def _spec(axis: int | None) -> PartitionSpec:
    """That of an array that is spread along an axis; `None` if it is copied."""
    return PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, AXIS)


# Arrays.


def put(mesh: Mesh | None, tree: Any) -> Any:
    """The same arrays, on all devices of a mesh. Those that are there already stay as
    they are; of others, every device gets a copy."""
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec())

    def copy(x: Any) -> Any:
        if not eqx.is_array(x) or x.sharding.device_set == sharding.device_set:
            return x
        return _through_numpy(x, lambda values: _on_all(values, sharding))

    return jax.tree.map(copy, tree)


def _on_all(values: np.ndarray, sharding: NamedSharding) -> Any:
    return jax.make_array_from_callback(values.shape, sharding, values.__getitem__)


def fetch(mesh: Mesh | None, tree: Any) -> Any:
    """The same arrays, which every process gets as a whole. All have to call it."""
    if mesh is None:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)
    gather = jax.jit(lambda x: x, out_shardings=NamedSharding(mesh, PartitionSpec()))
    return eqx.combine(copied(mesh, gather(arrays)), rest)


def copied(mesh: Mesh | None, tree: Any) -> Any:
    """Arrays that all devices have a copy of, as arrays of this process alone."""
    if mesh is None:
        return tree
    return jax.tree.map(
        lambda x: _through_numpy(x, jnp.asarray) if eqx.is_array(x) else x, tree
    )


def _through_numpy(x: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """`function(x)`, where `x` may be of keys."""
    is_key = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
    y = function(np.asarray(jr.key_data(x) if is_key else x))
    return jr.wrap_key_data(y, impl=jr.key_impl(x)) if is_key else y


# Processes.


def has_many_processes(mesh: Mesh | None) -> bool:
    """Whether other processes take part."""
    if mesh is None:
        return False
    return any(d.process_index != jax.process_index() for d in mesh.devices.flat)


def is_first_process(mesh: Mesh | None) -> bool:
    """Whether this is the process that shows progress, logs and saves."""
    return not has_many_processes(mesh) or jax.process_index() == 0


def agree(mesh: Mesh | None, number: int) -> int:
    """The number of the first process. All processes have to call it."""
    if not has_many_processes(mesh):
        return number
    return int(multihost_utils.broadcast_one_to_all(np.int32(number)))
