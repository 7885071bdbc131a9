"""Policies that are tables, such as those that value iteration finds."""

from jaxtyping import Array, Int32, Key

from .._parametric import AbstractParametric
from ..fields import integer
from ..spaces import Discrete


class _AbstractTable(AbstractParametric):
    actions: Int32[Array, " observations"] = integer(
        description="The action for each observation.", minimum=0, shape=(None,)
    )

    # By identity, so that `jax.jit(policy)` works.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class TablePolicy(_AbstractTable):
    """Looks the action up: one entry for every observation of a `Discrete` space.

    ```python
    policy = TablePolicy([0, 2, 2, 1])
    policy(key, jnp.int32(3))  # 1
    ```

    It can be called as a policy: `policy(key, observation)`, which is the same as
    `policy.greedy(key, observation)`.
    """

    def __call__(
        self, key: Key[Array, ""], observation: Int32[Array, ""]
    ) -> Int32[Array, ""]:
        del key
        space = Discrete(self.actions.shape[0])
        return self.actions[space.check(observation, "the agent's observation")]

    def greedy(
        self, key: Key[Array, ""], observation: Int32[Array, ""]
    ) -> Int32[Array, ""]:
        """The action for an `observation`. The `key` is not used."""
        return self(key, observation)


class TupleTablePolicy(_AbstractTable):
    """Looks the action up: one entry for every observation of a `Tuple` of `Discrete`
    spaces, the last of which varies fastest.

    ```python
    table = np.zeros((32, 11, 2), int)  # for Blackjack
    policy = TupleTablePolicy(table.ravel(), table.shape)
    policy(key, (jnp.int32(12), jnp.int32(10), jnp.int32(0)))  # 0
    ```

    It can be called as a policy: `policy(key, observation)`, which is the same as
    `policy.greedy(key, observation)`.
    """

    sizes: Int32[Array, " parts"] = integer(
        description="The number of values of each part of an observation.",
        minimum=1,
        shape=(None,),
    )

    def __call__(
        self, key: Key[Array, ""], observation: tuple[Int32[Array, ""], ...]
    ) -> Int32[Array, ""]:
        del key
        number = 0
        for size, part in zip(self.sizes, observation, strict=True):
            number = number * size + part
        return self.actions[number]

    def greedy(
        self, key: Key[Array, ""], observation: tuple[Int32[Array, ""], ...]
    ) -> Int32[Array, ""]:
        """The action for an `observation`. The `key` is not used."""
        return self(key, observation)
