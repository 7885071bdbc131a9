"""Inside `jax.shard_map`: the axes of the mesh over which an array varies.

There, JAX keeps track of which arrays may differ from device to device. The carry of a
loop must vary from the start, and the branches of a conditional must vary alike, even
if they are constants.
"""

from typing import Any, TypeVar

import equinox as eqx
import jax


Tree = TypeVar("Tree")


def varying_axes(tree: Any) -> frozenset[str]:
    """The axes of the mesh over which any array of `tree` varies; none outside
    `jax.shard_map`."""
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return frozenset()
    return frozenset().union(*map(_axes, jax.tree.leaves(tree)))


def vary(tree: Tree, axes: frozenset[str]) -> Tree:
    """The same arrays, marked as varying over at least these axes."""

    def vary_leaf(x: Any) -> Any:
        missing = tuple(sorted(axes - _axes(x)))
        if not missing or not eqx.is_array(x):
            return x
        if hasattr(jax.lax, "pcast"):
            return jax.lax.pcast(x, missing, to="varying")
        return getattr(jax.lax, "pvary")(x, missing)  # before JAX 0.8  # noqa: B009

    return jax.tree.map(vary_leaf, tree) if axes else tree


def _axes(x: Any) -> frozenset[str]:
    if isinstance(x, jax.Array):
        x = jax.typeof(x)
    kind = getattr(x, "manual_axis_type", None)
    if kind is None:  # before JAX 0.10, or outside `jax.shard_map`
        return getattr(x, "vma", None) or frozenset()
    return kind.varying
