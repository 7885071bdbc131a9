"""EvoJAX: an environment as a `VectorizedTask`.

Written for EvoJAX 0.2.17 (https://github.com/google/evojax), whose policies choose
vectors of numbers, one for each member of a population.
"""

from typing import Any

from .._environment import AbstractEnvironment
from ._foreign import needs


def to_evojax(
    env: AbstractEnvironment, *, max_steps: int | None = None, test: bool = False
) -> Any:
    """An environment as a `VectorizedTask` of EvoJAX.

    ```python
    train, test = to_evojax(CartPole()), to_evojax(CartPole(), test=True)
    trainer = Trainer(policy, solver, train_task=train, test_task=test)
    ```

    Numbers from -1 to 1 stand for the range of a bounded `Box`; of a `Discrete` space,
    the action with the largest number is taken. Observations are flattened to a vector.

    **Arguments:**

    - `env`: an environment, whose actions are a bounded `Box` or `Discrete`.
    - `max_steps`: for how many steps EvoJAX plays; by default the time limit of `env`.
    - `test`: what the attribute of that name says.

    **Returns:**

    A `VectorizedTask`.

    **Raises:**

    `TypeError` if `env` is not such an environment.
    """
    with needs("eqenvs.adapters.to_evojax", "evojax"):
        from ._to_evojax import EvoJaxTask
    return EvoJaxTask(env, max_steps, test)
