"""Episode returns and lengths in `info`, as in gymnax's `LogWrapper` and Gymnasium's
`RecordEpisodeStatistics`."""

from typing import Generic

from jaxtyping import Array, Key

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from .._episodes import EpisodeStatistics as Statistics
from ..fields import environment
from ._wrapper import AbstractWrapper, AbstractWrapperState


class EpisodeStatisticsState(AbstractWrapperState[State], Generic[State]):
    """A state of the wrapped environment, and the statistics of its episodes."""

    inner: State
    statistics: Statistics


class EpisodeStatistics(
    AbstractWrapper[EpisodeStatisticsState[State], Action, Observation, State]
):
    """Adds up the rewards and counts the steps of every episode.

    It adds three entries to `info`:

    | entry | meaning |
    | --- | --- |
    | `"episode_return"` | return of the last finished episode; NaN before there is one |
    | `"episode_length"` | number of its steps; NaN before there is one |
    | `"is_episode_end"` | whether an episode ended with this step |

    To get the mean return of a rollout, average the entries where `"is_episode_end"` is
    true. Rewards and episode ends are those of `env`, so put this wrapper around a
    `TimeLimit` or `StartFrom`, and inside wrappers that change rewards.
    """  # noqa: E501

    env: AbstractEnvironment[State, Action, Observation] = environment()

    def wrap(self, key: Key[Array, ""], inner: State) -> EpisodeStatisticsState[State]:
        del key
        return EpisodeStatisticsState(inner=inner, statistics=Statistics.start())

    def wrap_next(
        self,
        key: Key[Array, ""],
        inner: State,
        last_state: EpisodeStatisticsState[State],
    ) -> EpisodeStatisticsState[State]:
        start, last = self.wrap(key, inner), last_state.statistics
        statistics = Statistics(
            running_return=start.statistics.running_return,
            running_length=start.statistics.running_length,
            last_return=last.last_return,
            last_length=last.last_length,
        )
        return EpisodeStatisticsState(inner=inner, statistics=statistics)

    def inner_state(self, state: EpisodeStatisticsState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: EpisodeStatisticsState[State], action: Action
    ) -> Transition[EpisodeStatisticsState[State]]:
        transition = self.inner_transition(key, state.inner, action)
        inner = transition.state
        ended = transition.terminated | self.env.truncated(inner)
        statistics = state.statistics.update(transition.reward, ended)
        info = {
            **transition.info,
            "episode_return": statistics.last_return,
            "episode_length": statistics.last_length,
            "is_episode_end": ended,
        }
        next_state = EpisodeStatisticsState(inner=inner, statistics=statistics)
        return transition._replace(state=next_state, info=info)
