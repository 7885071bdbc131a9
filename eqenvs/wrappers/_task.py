"""What episodes of one task have in common."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Key

from ._wrapper import AbstractWrapper


def same_task(env: Any, key: Key[Array, ""], last_state: Any) -> Any:
    """The first state of an episode of the same task as the last one.

    **Arguments:**

    - `env`: an environment with `task_fields`.
    - `key`: a JAX PRNG key.
    - `last_state`: the state at the end of the last episode.
    """
    if isinstance(env, AbstractWrapper):
        # The innermost state holds the task, so a wrapper's state must be made from
        # the one that has it.
        inner = same_task(env.env, key, env.inner_state(last_state))
        return env.wrap_next(env.own_key(key), inner, last_state)
    if hasattr(env, "_same_task"):
        return env._same_task(key, last_state)

    def task(state: Any) -> list[Any]:
        return [getattr(state, name) for name in env.task_fields]

    state = env.next_initial_state(key, last_state)
    return eqx.tree_at(task, state, task(last_state))
