"""Plays the games of the `minatar` package with the random outcomes of another run."""

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import coverage
import equinox as eqx
import jax
import jax.random as jr
import numpy as np


class ReplayedRandom:
    """Stands in for the `numpy.random.RandomState` that a game holds in `random`.

    ```python
    game.random = ReplayedRandom()
    game.random.expect(rand=0.25, randint=3)  # two calls, in this order
    game.random.expect(("rand", 0.25), ("rand", 0.75))  # the same call twice
    game.act(action)
    game.random.finish()  # the game must have asked for all of them
    ```

    Each call returns the outcome that stands first, and fails if the game asks for
    another method or an integer that its arguments do not allow.
    """

    def __init__(self):
        self._outcomes: deque[tuple[str, Any]] = deque()

    def expect(self, *outcomes: tuple[str, Any], **named_outcomes: Any) -> None:
        """Appends the outcomes of the next calls."""
        self._outcomes.extend([*outcomes, *named_outcomes.items()])

    def finish(self) -> None:
        """Fails if an outcome is left over."""
        assert not self._outcomes, f"the game did not ask for {list(self._outcomes)}"

    def _next(self, method: str) -> Any:
        assert self._outcomes, f"the game asked for {method}, which is not drawn"
        expected, outcome = self._outcomes.popleft()
        assert expected == method, f"the game asked for {method}, not {expected}"
        return outcome

    def rand(self, *shape: int) -> Any:
        outcome = self._next("rand")
        assert np.shape(outcome) == shape
        return outcome

    def randint(self, low: int, high: int | None = None, size: Any = None) -> Any:
        outcome = self._next("randint")
        low, high = (0, low) if high is None else (low, high)
        assert np.shape(outcome) == (() if size is None else tuple(np.atleast_1d(size)))
        assert np.all((np.asarray(outcome) >= low) & (np.asarray(outcome) < high))
        # A copy, since a game may work on the array in place.
        return np.array(outcome) if np.shape(outcome) else int(outcome)


@eqx.filter_jit
def play(env: Any, keys: Any, num_steps: int, policy: Callable, draw: Callable) -> Any:
    """Plays one episode for each key, without a time limit or a reset.

    - `policy`: `policy(key, state)` is the action.
    - `draw`: `draw(env, key, state)` is what `env.transition(key, state, ...)` draws.

    Returns the initial states, and a dictionary of what happened in each episode, whose
    leaves have leading axes of episodes and steps. Only the steps up to the first one
    that terminates mean something.
    """

    def one_step(state, key):
        policy_key, key = jr.split(key)
        action = policy(policy_key, state)
        next_state, reward, terminated, _ = env.transition(key, state, action)
        step = {
            "action": action,
            "draw": draw(env, key, state),
            "state": next_state,
            "observation": env.observe(next_state),
            "reward": reward,
            "terminated": terminated,
        }
        return next_state, step

    def one_episode(key):
        reset_key, key = jr.split(key)
        state = env.initial_state(reset_key)
        return state, jax.lax.scan(one_step, state, jr.split(key, num_steps))[1]

    return jax.vmap(one_episode)(keys)


def episode(trajectory: Any, i: int) -> Any:
    """Episode `i` of what `play` returns, as NumPy arrays, up to its end."""
    terminated = np.asarray(trajectory["terminated"][i])
    length = terminated.argmax() + 1 if terminated.any() else len(terminated)
    return jax.tree.map(lambda x: np.asarray(x[i, :length]), trajectory)


def replay(
    game: Any, actions: Any, feed: Callable[[int], None], record: Callable[[Any], Any]
) -> dict[str, np.ndarray]:
    """Plays `game` with the given actions, until it ends.

    - `feed`: `feed(t)` tells `game.random` the outcomes of step `t`.
    - `record`: `record(game)` is the state of the game, a dictionary of numbers.

    Returns arrays with a leading axis of steps: of what `record` returned, and
    `"observation"`, `"reward"`, `"terminated"`.
    """
    steps = []
    for t, action in enumerate(actions):
        feed(t)
        reward, terminated = game.act(int(action))
        game.random.finish()
        seen = {"observation": game.state(), "reward": reward, "terminated": terminated}
        steps.append({**seen, **record(game)})
        if terminated:
            break
    return {name: np.array([step[name] for step in steps]) for name in steps[0]}


def assert_same(ours: dict[str, Any], original: dict[str, Any]) -> None:
    """Fails unless the two dictionaries hold equal arrays."""
    assert set(ours) == set(original)
    for name in original:
        np.testing.assert_array_equal(ours[name], original[name], err_msg=name)


def unvisited_branches(functions: Sequence[Callable], run: Callable[[], None]) -> Any:
    """The branches of `functions`, all of one file, that `run()` does not take.

    The early return of a game that is over already is not counted: it is no part of an
    episode.

    Returns pairs of line numbers, and single line numbers for lines not reached.
    """
    (path,) = {inspect.getsourcefile(function) for function in functions}
    lines, guarded = set(), set()
    for function in functions:
        source, first = inspect.getsourcelines(function)
        lines.update(range(first + 1, first + len(source)))
        for i, line in enumerate(source):
            if line.strip() == "if(self.terminal):":
                guarded.add(first + i + 1)
    measured = coverage.Coverage(
        data_file=None, branch=True, include=[path], config_file=False
    )
    with measured.collect():
        run()
    report = measured._analyze(path)
    missing = [line for line in report.missing if line in lines - guarded]
    for start, ends in report.missing_branch_arcs().items():
        missing += [
            (start, end) for end in ends if start in lines and end not in guarded
        ]
    return missing
