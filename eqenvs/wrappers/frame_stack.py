"""The last few observations together, as in Gymnasium's `FrameStackObservation`.

Mnih et al., "Human-level control through deep reinforcement learning" (Nature, 2015),
used it to show an agent in which direction things move.
"""

from typing import Generic, Literal

from jaxtyping import Array, Key, PyTree, Shaped

from .._environment import AbstractEnvironment, Action, State, Transition
from ..fields import choice, count, environment
from ..spaces import AbstractSpace, batch
from ._frames import push, repeat
from ._spaces import nearest_to_zero
from ._wrapper import AbstractWrapper, AbstractWrapperState


class FrameStackState(AbstractWrapperState[State], Generic[State]):
    """A state of the wrapped environment, and its last observations, oldest first."""

    inner: State
    frames: PyTree[Shaped[Array, "num_frames ..."]]


class FrameStack(AbstractWrapper[FrameStackState[State], Action, PyTree[Array], State]):
    """Stacks the last `num_frames` observations along a new first axis, oldest first.

    ```python
    env = FrameStack(Breakout(), 4)
    ```
    """

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment()
    num_frames: int = count(description="Number of observations.")
    padding: Literal["reset", "zero"] = choice(
        "reset",
        "What fills the stack at the start of an episode: copies of the first "
        "observation, or the element of the space nearest to zero.",
        options=("reset", "zero"),
    )

    def wrap(self, key: Key[Array, ""], inner: State) -> FrameStackState[State]:
        del key
        observation = self.env.observe(inner)
        if self.padding == "reset":
            padding = observation
        else:
            padding = nearest_to_zero(self.env.observation_space)
        frames = repeat(padding, self.num_frames)
        return FrameStackState(inner=inner, frames=push(frames, observation))

    def inner_state(self, state: FrameStackState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: FrameStackState[State], action: Action
    ) -> Transition[FrameStackState[State]]:
        transition = self.inner_transition(key, state.inner, action)
        frames = push(state.frames, self.env.observe(transition.state))
        next_state = FrameStackState(inner=transition.state, frames=frames)
        return transition._replace(state=next_state)

    def observe(self, state: FrameStackState[State]) -> PyTree[Array]:
        return state.frames

    @property
    def observation_space(self) -> AbstractSpace:
        return batch(self.env.observation_space, self.num_frames)
