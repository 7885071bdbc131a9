"""What every registered environment keeps of the contract."""

import dataclasses
import functools as ft

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs.testing import CHECKS, Probe
from eqenvs.testing._probe import walk

from .examples import example, short_limit


all_ids = pytest.mark.parametrize("id", eqenvs.registered())


@ft.cache
def probe(id):
    short = example(id, max_steps=Probe.time_limit)
    return Probe(example(id), jr.key(0), short=short)


@pytest.mark.parametrize("check", CHECKS)
@all_ids
def test_the_contract(id, check):
    assert CHECKS[check].problems(probe(id)) == []


@all_ids
def test_a_reset_compiled_with_constants_is_the_same(id):
    """Bit for bit, which is more than the contract asks for."""
    env = probe(id).env
    assert eqx.tree_equal(jax.jit(env.reset)(jr.key(0))[1], env.reset(jr.key(0))[1])


@all_ids
def test_episodes_reach_the_time_limit(id):
    """Of 60 steps, one is the last that the time limit allows, unless all of them end
    an episode by themselves."""
    step = probe(id).walk[1].step
    if (limit := short_limit(id)) != Probe.time_limit:
        short = example(id, max_steps=limit)
        step = Probe(example(id), jr.key(0), short=short).walk[1].step
    assert step.terminated.all() or step.truncated.any()


@all_ids
def test_x64(id, x64):
    env = example(id, max_steps=short_limit(id))
    seen = walk(env, jr.key(3), Probe.walk_lanes, Probe.walk_steps)[1]
    for x in jax.tree.leaves((seen.step, seen.observations)):
        assert x.dtype not in (jnp.float32, jnp.int64, jnp.uint64)
    assert seen.actions_inside.all()
    assert seen.observations_inside.all()
    assert seen.step.truncated.any() or seen.step.terminated.all()
    for x in jax.tree.leaves(env):
        if eqx.is_array(x):
            assert x.dtype not in (jnp.float32, jnp.int64)


@all_ids
def test_a_scalar_action_does_not_recompile(id):
    env = probe(id).env
    _, state = probe(id).reset
    if not isinstance(env.action_space, eqenvs.spaces.Discrete):
        pytest.skip("for discrete actions")
    count = 0

    def counted(env, key, state, action):
        nonlocal count
        count += 1
        return original(env, key, state, action)

    original = type(env).transition
    try:
        type(env).transition = counted
        for action in (0, 1, np.int64(0), np.int64(1), True):
            if action is True:
                with pytest.raises(TypeError):
                    env.step(jr.key(0), state, action)
            else:
                env.step(jr.key(0), state, action)
    finally:
        type(env).transition = original
    assert count <= 1


# Where the dynamics are smooth: parameters that the next observation depends on, and
# whether the reward depends on the action.
SMOOTH = {
    "CartPole-v1": ("gravity cart_mass pole_mass pole_half_length force", False),
    "Acrobot-v1": ("gravity link_length_1 link_mass_1 link_mass_2 torques", False),
    "MountainCar-v0": ("force gravity", False),
    "MountainCarContinuous-v0": ("gravity power", True),
    "Pendulum-v1": ("gravity mass length", True),
    "PointRobot-misc": ("", False),
    "Reacher-misc": ("torque_scale time_delta", True),
    "Swimmer-misc": ("time_delta", True),
}


@pytest.mark.parametrize("id", SMOOTH)
def test_gradients_flow_where_the_dynamics_are_smooth(id):
    """Zero is finite too: something may have cut the gradient off."""
    env = example(id)
    names, reward_depends_on_action = SMOOTH[id]
    names = names.split()
    state = env.initial_state(jr.key(0))
    is_continuous = isinstance(env.action_space, eqenvs.spaces.Box)

    def play(numbers, state, action):
        changed = env
        for name in names:
            changed = eqx.tree_at(
                lambda e, n=name: getattr(e, n), changed, numbers[name]
            )
        # Two steps: a force changes the velocity first, and then the position.
        for i in range(2):
            step = changed.advance(jr.key(i), state, action)
            state = step.state
        return jnp.sum(step.observation.astype(float)), step.reward

    numbers = {name: getattr(env, name) for name in names}
    action = 0.3 * env.action_space.high if is_continuous else jnp.int32(0)

    @eqx.filter_jit
    def gradients(numbers, state, action):
        floats = (numbers, state, action)
        of_observation = eqx.filter_grad(lambda x: play(*x)[0])(floats)
        of_reward = eqx.filter_grad(lambda x: play(*x)[1])(floats)
        return of_observation, of_reward

    (of_numbers, of_state, of_action), of_reward = gradients(numbers, state, action)
    for name in names:
        assert jnp.any(of_numbers[name] != 0), name
    moving = [x for x in jax.tree.leaves(of_state) if x.size]
    assert sum(float(jnp.abs(x).sum()) for x in moving) > 0
    if is_continuous:
        assert jnp.all(of_action != 0)
        assert jnp.any(of_reward[2] != 0) == reward_depends_on_action


@all_ids
def test_docstring_has_its_sections(id):
    env = example(id)
    doc = type(env).__doc__
    for section in (
        "Observation",
        "Action",
        "Reward",
        "Episode end",
        "Arguments",
        "Source",
    ):
        assert f"**{section}:**" in doc, section
    for field in dataclasses.fields(env):
        if field.init:
            assert f"`{field.name}`" in doc, field.name
