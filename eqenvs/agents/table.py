"""A policy that is a table, such as the one that value iteration finds."""

from jaxtyping import Array, Int32, Key

from .._parametric import AbstractParametric
from ..fields import integer


class TablePolicy(AbstractParametric):
    """Looks the action up: one entry for every observation of a `Discrete` space.

    ```python
    policy = TablePolicy([0, 2, 2, 1])
    policy(key, jnp.int32(3))  # 1
    ```

    It can be called as a policy: `policy(key, observation)`, which is the same as
    `policy.greedy(key, observation)`.
    """

    actions: Int32[Array, " observations"] = integer(
        description="The action for each observation.", minimum=0, shape=(None,)
    )

    # By identity, so that `jax.jit(policy)` works.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(
        self, key: Key[Array, ""], observation: Int32[Array, ""]
    ) -> Int32[Array, ""]:
        del key
        return self.actions[observation]

    def greedy(
        self, key: Key[Array, ""], observation: Int32[Array, ""]
    ) -> Int32[Array, ""]:
        """The action for an `observation`. The `key` is not used."""
        return self(key, observation)
