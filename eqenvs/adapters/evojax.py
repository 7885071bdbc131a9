"""EvoJAX: an environment as a `VectorizedTask`.

Written for EvoJAX 0.2.17 (https://github.com/google/evojax), whose policies return one
vector of numbers for each member of a population.
"""

from typing import Any

from .._environment import AbstractEnvironment
from ._foreign import needs


def to_evojax(
    env: AbstractEnvironment, *, max_steps: int | None = None, test: bool = False
) -> Any:
    """Turns an environment into a `VectorizedTask` of EvoJAX.

    ```python
    train, test = to_evojax(CartPole()), to_evojax(CartPole(), test=True)
    trainer = Trainer(policy, solver, train_task=train, test_task=test)
    ```

    For a bounded `Box`, numbers from -1 to 1 are mapped to its range. For a `Discrete`
    space, the index of the largest number is the action. Observations are flattened
    into a vector.

    **Arguments:**

    - `env`: an environment with a bounded `Box` or a `Discrete` action space.
    - `max_steps`: the number of steps that EvoJAX plays; by default the time limit of
        `env`.
    - `test`: the value of the task's attribute `test`.

    **Returns:**

    A `VectorizedTask`.

    **Raises:**

    `TypeError` if `env` is not such an environment.
    """
    with needs("eqenvs.adapters.to_evojax", "evojax"):
        from ._to_evojax import EvoJaxTask
    return EvoJaxTask(env, max_steps, test)
