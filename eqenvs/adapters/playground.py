"""MuJoCo Playground's environments in eqenvs.

Written for MuJoCo Playground 0.2 (https://github.com/google-deepmind/
mujoco_playground), whose package is called `playground`. The tasks of its control suite
need nothing else. Those of its robots download MuJoCo's Menagerie when they are first
made.
"""

from typing import Any

from jaxtyping import ArrayLike

from ._foreign import library, limit_of, look_at_brax, Original
from .brax import FromBrax


def from_playground(env: Any, *, max_steps: ArrayLike | None = None) -> FromBrax:
    """Turns an environment of MuJoCo Playground into one of eqenvs.

    ```python
    env = from_playground(mujoco_playground.registry.load("CartpoleBalance"))
    ```

    All random numbers of an episode follow from the key of its reset.

    **Arguments:**

    - `env`: an environment that `mujoco_playground.registry.load` returned.
    - `max_steps`: the time limit; by default the `episode_length` of its configuration.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` if `env` is not an environment of MuJoCo Playground.
    """
    who = "eqenvs.adapters.from_playground"
    playground = library("mujoco_playground", who, "playground")
    if not isinstance(env, playground.MjxEnv):
        raise TypeError(
            f"env must be an environment of MuJoCo Playground; got {env!r}."
        )
    return _from_playground(env, max_steps, None)


def _from_playground(env: Any, max_steps: ArrayLike | None, made: Any) -> FromBrax:
    # It has Brax's interface.
    held = Original(env, lambda env: look_at_brax(env, env.action_size), made)
    own = getattr(getattr(env, "_config", None), "episode_length", None)
    return FromBrax(held, limit_of(max_steps, own))


def make(
    name: str, *, max_steps: ArrayLike | None = None, **parameters: Any
) -> FromBrax:
    """Makes `"playground:NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `mujoco_playground.registry.load` knows.
    - `max_steps`: the time limit.
    - `**parameters`: further arguments of that function.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if MuJoCo Playground has no such environment.
    """
    playground = library("mujoco_playground", f"playground:{name}", "playground")
    env = playground.registry.load(name, **parameters)
    return _from_playground(env, max_steps, (f"playground:{name}", parameters))
