"""Errors from inside compiled programs, whose message is a single line.

The message of `equinox.error_if` is fixed when the program is traced, so it cannot say
which value was wrong, and JAX and Equinox put some thirty lines around it.
"""

import functools as ft
import logging
import os
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.core
import numpy as np
from jaxtyping import Array, Bool, PyTree

from ._varying import vary, varying_axes


P = ParamSpec("P")
T = TypeVar("T")


class StrictError(RuntimeError):
    """A check failed. The message is a single line."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


def stop_if(
    is_wrong: Bool[Array, ""], tree: PyTree, explain: Callable[..., str], *given: PyTree
) -> PyTree:
    """Stops the program if something is wrong.

    **Arguments:**

    - `is_wrong`: whether something is. Under `jax.vmap`, one lane is enough.
    - `tree`: what the rest of the program works with.
    - `explain`: returns the message from the values of `given`, which may be traced.
    - `given`: what is wrong and what is allowed, in the same lane.

    **Returns:**

    `tree`.
    """
    is_usual = os.environ.get("EQX_ON_ERROR", "raise") == "raise"
    if not isinstance(is_wrong, jax.core.Tracer):
        if not is_wrong:
            return tree
        # While differentiating, `is_wrong` may be known where `given` is traced.
        given = jax.tree.map(np.asarray, jax.lax.stop_gradient(given))
        if is_usual:
            raise StrictError(explain(*given))
    # Equinox can also react in other ways than by an error. A TPU cannot raise one.
    if not is_usual or jax.default_backend() == "tpu":
        return eqx.error_if(tree, is_wrong, explain(*given))
    leaves, rest = eqx.partition(tree, eqx.is_array)
    values, others = eqx.partition(given, eqx.is_array)

    def explain_values(values: PyTree) -> str:
        return explain(*eqx.combine(values, others))

    leaves = _stop_if(leaves, is_wrong, values, explain=explain_values)
    return eqx.combine(leaves, rest)


# Outside of differentiation, which a callback does not support.
@eqx.filter_custom_jvp
def _stop_if(
    leaves: PyTree[Array],
    is_wrong: Bool[Array, ""],
    values: PyTree[Array],
    *,
    explain: Callable[[PyTree], str],
) -> PyTree[Array]:
    def stop(is_wrong: Any, values: PyTree) -> Any:
        # All have the axes of the lanes in front.
        is_wrong = np.asarray(is_wrong)
        lane = int(np.argmax(is_wrong))

        def of_lane(x: Any) -> np.ndarray:
            x = np.asarray(x)
            return np.asarray(x.reshape(-1, *x.shape[is_wrong.ndim :])[lane])

        raise StrictError(explain(jax.tree.map(of_lane, values)))

    axes = varying_axes((leaves, is_wrong, values))
    leaves = vary(leaves, axes)

    def call_stop() -> PyTree[Array]:
        struct = jax.eval_shape(lambda: leaves)
        nothing = jax.pure_callback(
            stop, struct, is_wrong, values, vmap_method="broadcast_all"
        )
        return vary(nothing, axes)

    # A condition without an axis for lanes stays a branch, which costs nothing.
    return jax.lax.cond(eqxi.unvmap_any(is_wrong), call_stop, lambda: leaves)


@_stop_if.def_jvp
def _(primals, tangents, *, explain):
    return _stop_if(*primals, explain=explain), tangents[0]


# What JAX makes of an error in `stop` above: a `JaxRuntimeError`, or a `ValueError` if
# the program has run before. Any other error stays as it is.
_REPORT = re.compile(
    rf'^INTERNAL: .*^  File "{re.escape(__file__)}", line \d+, in stop\n'
    rf"{StrictError.__name__}: ([^\n]*)",
    re.DOTALL | re.MULTILINE,
)


def with_short_errors(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, but an error of `stop_if` is its message, and not what JAX makes of
    it."""

    @ft.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            report = _REPORT.match(str(error))
            if report is None:
                raise
        raise StrictError(report[1])

    return call


def _shorten(record: logging.LogRecord) -> bool:
    error = record.exc_info and record.exc_info[1]
    if not isinstance(error, StrictError):
        return True
    # Where other devices wait for the one that stopped, nothing is ever raised.
    record.msg, record.exc_info = str(error), None
    return jax.device_count() > 1


# JAX also logs every error of a callback, with its traceback.
logging.getLogger("jax._src.callback").addFilter(_shorten)
