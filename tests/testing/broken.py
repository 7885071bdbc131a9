"""Environments that break the contract, each in one way."""

import random
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32

from eqenvs import AbstractEnvironment, AbstractState, Transition
from eqenvs.fields import real, time_limit
from eqenvs.spaces import Box, Discrete


FLOAT = jnp.result_type(float)


class WalkState(AbstractState):
    x: Any
    time: Any


class AbstractWalk(AbstractEnvironment[WalkState, Any, Any]):
    """A random walk; nothing is wrong with it."""

    max_steps: Int32[Array, ""] = time_limit(20)
    step_size: Float[Array, ""] = real(0.1, "Length of a step.")

    def initial_state(self, key):
        return WalkState(x=jr.uniform(key), time=jnp.int32(0))

    def transition(self, key, state, action):
        noise = jr.normal(key)
        push = jnp.where(action == 1, self.step_size, -self.step_size)
        x = state.x + push + 0.01 * noise
        next_state = WalkState(x=x, time=state.time + 1)
        return Transition(next_state, x, jnp.abs(x) > 2, {"noise": noise})

    def observe(self, state):
        return state.x[None]

    @property
    def action_space(self):
        return Discrete(2)

    @property
    def observation_space(self):
        return Box(-jnp.inf, jnp.inf, (1,))


class Fine(AbstractWalk):
    pass


BROKEN: list[tuple[str, str, type]] = []


def broken(check: str, words: str):
    """Says which check finds what is wrong with a class, and a word of its report."""

    def add(cls: type) -> type:
        BROKEN.append((check, words, cls))
        return cls

    return add


@broken("fields", "`speed` is 2.0, which is not an array")
class PythonNumber(AbstractWalk):
    speed: float = 2.0


@broken("fields", "`speed` is a real number in a static field")
class StaticNumber(AbstractWalk):
    speed: float = eqx.field(default=2.0, static=True)


@broken("spaces", "`action_space` must be a space")
class NoSpace(AbstractWalk):
    @property
    def action_space(self):
        return 2


class _OneTooMany(Discrete):
    def sample(self, key):
        return jnp.int32(self.n)


@broken("spaces", "does not contain its own sample")
class SpaceOfOthers(AbstractWalk):
    @property
    def action_space(self):
        return _OneTooMany(2)


@broken("initial state", "must return an `eqenvs.AbstractState`")
class NoState(AbstractWalk):
    def initial_state(self, key):
        return {"x": jr.uniform(key), "time": jnp.int32(0)}


@broken("initial state", "`x` of the state is 'here'")
class StateOfText(AbstractWalk):
    def initial_state(self, key):
        return WalkState(x="here", time=jnp.int32(0))


@broken("initial state", "must be an int32 scalar")
class RealTime(AbstractWalk):
    def initial_state(self, key):
        return WalkState(x=jr.uniform(key), time=jnp.float32(0))


@broken("observation", f"{FLOAT} of shape (1,)")
class ObservationOfOtherShape(AbstractWalk):
    def observe(self, state):
        return state.x


@broken("observation", "structure")
class ObservationOfOtherStructure(AbstractWalk):
    def observe(self, state):
        return (state.x[None],)


@broken("transition", "must return an `eqenvs.Transition")
class NoTransition(AbstractWalk):
    def transition(self, key, state, action):
        return state


@broken("transition", f"the next state.x must be {FLOAT}")
class StateThatChangesItsDtype(AbstractWalk):
    def transition(self, key, state, action):
        x = state.x + jr.uniform(key)
        next_state = WalkState(x=x.astype(jnp.int32), time=state.time + 1)
        return Transition(next_state, x)


@broken("transition", "TracerBoolConversionError")
class PythonBranch(AbstractWalk):
    def transition(self, key, state, action):
        return super().transition(key, state, 1 if state.x > 0 else 0)


@broken("reward", "the reward of a transition must be a number of shape ()")
class RewardOfOtherShape(AbstractWalk):
    def transition(self, key, state, action):
        return super().transition(key, state, action)._replace(reward=jnp.ones(1))


@broken("reward", "the terminated of a transition must be a boolean")
class TerminatedNumber(AbstractWalk):
    def transition(self, key, state, action):
        return super().transition(key, state, action)._replace(terminated=0.0)


@broken("info", "final_observation")
class InfoOfTheLoop(AbstractWalk):
    def transition(self, key, state, action):
        transition = super().transition(key, state, action)
        return transition._replace(info={"final_observation": state.x})


@broken("info", "must be an array; it is 'left'")
class InfoOfText(AbstractWalk):
    def transition(self, key, state, action):
        transition = super().transition(key, state, action)
        return transition._replace(info={"side": "left"})


@broken("weak types", "the observation is weakly typed")
class WeakObservation(AbstractWalk):
    def observe(self, state):
        return jnp.where(state.x > 0, 1.0, 0.0)[None]


@broken("promotion", "with strict promotion of dtypes")
class MixedDtypes(AbstractWalk):
    def observe(self, state):
        return (state.x + state.time)[None]


@broken("promotion", "with strict promotion of ranks")
class MixedRanks(AbstractWalk):
    def observe(self, state):
        return jnp.sum(jnp.ones((2, 3)) * jnp.ones(3)) * state.x[None]


@broken("precision", "with 64-bit numbers, the observation must be float64")
class OneWidth(AbstractWalk):
    def observe(self, state):
        return state.x[None].astype(jnp.float32)


_steps = 0


@broken("hidden state", "`transition` becomes a different program each")
class GlobalCounter(AbstractWalk):
    def transition(self, key, state, action):
        global _steps
        _steps += 1
        transition = super().transition(key, state, action)
        return transition._replace(reward=transition.reward + _steps)


@broken("hidden state", "`initial_state` becomes a different program each")
class NumpyRandom(AbstractWalk):
    def initial_state(self, key):
        return WalkState(x=jnp.asarray(np.random.rand(), float), time=jnp.int32(0))


_kept: list[Any] = []


@broken("leaks", "was kept")
class LeakedTracer(AbstractWalk):
    def observe(self, state):
        _kept.append(state.x)
        return state.x[None]


@broken("own keys", "`transition` makes a key of its own")
class OwnKey(AbstractWalk):
    def transition(self, key, state, action):
        return super().transition(jr.key(0), state, action)


_KEY = jr.key(3)


@broken("own keys", "`initial_state` makes a key of its own")
class KeptKey(AbstractWalk):
    def initial_state(self, key):
        return super().initial_state(_KEY)


@broken("observations", "some observations are outside Box(low=0, high=1")
class SmallSpace(AbstractWalk):
    @property
    def observation_space(self):
        return Box(0.0, 1.0, (1,))


@broken("numbers", "some rewards of a random walk are NaN")
class NoNumber(AbstractWalk):
    def transition(self, key, state, action):
        transition = super().transition(key, state, action)
        return transition._replace(reward=jnp.log(transition.reward - 3))


@broken("clock", "`time` must be 0 in the state that `reset` returns")
class LateStart(AbstractWalk):
    def initial_state(self, key):
        return WalkState(x=jr.uniform(key), time=jnp.int32(1))


@broken("clock", "`transition` must add 1")
class StandingClock(AbstractWalk):
    def transition(self, key, state, action):
        transition = super().transition(key, state, action)
        next_state = WalkState(x=transition.state.x, time=state.time)
        return transition._replace(state=next_state, terminated=state.x > 1)


@broken("clock", "`next_initial_state`")
class ClockThatGoesOn(AbstractWalk):
    def next_initial_state(self, key, last_state):
        return WalkState(x=jr.uniform(key), time=last_state.time)


def _random(x: Any) -> Any:
    return np.asarray(random.random(), x.dtype)


def _host_random(x: Any) -> Any:
    """A random number from outside of JAX, while the program runs."""
    shape = jax.ShapeDtypeStruct((), x.dtype)
    return jax.pure_callback(_random, shape, x, vmap_method="sequential")


@broken("observe", "two observations of the same state differ")
class ObservationOfSomethingElse(AbstractWalk):
    def observe(self, state):
        return (state.x + _host_random(jax.lax.stop_gradient(state.x)))[None]


@broken("keys", "with the same key differ")
class HostRandom(AbstractWalk):
    def initial_state(self, key):
        noise = _host_random(jr.uniform(key))
        return WalkState(x=noise, time=jnp.int32(0))


@jax.custom_batching.custom_vmap
def _alone(x: Any) -> Any:
    return x


@_alone.def_vmap
def _together(axis_size: int, in_batched: Any, x: Any) -> Any:
    return x + 1, in_batched[0]


@broken("transformations", "`jax.vmap(env.step)` and `env.step` differ")
class OtherWhenMapped(AbstractWalk):
    def transition(self, key, state, action):
        transition = super().transition(key, state, action)
        return transition._replace(reward=_alone(jax.lax.stop_gradient(state.x)))


@broken("gradients", "is not finite")
class NoGradient(AbstractWalk):
    def observe(self, state):
        return jnp.sqrt(state.x - state.x)[None]


@broken("configuration", "a different environment")
class ChangedArgument(AbstractWalk):
    def __init__(self, max_steps=20, step_size=0.1):
        self.max_steps = max_steps
        self.step_size = 2 * step_size
