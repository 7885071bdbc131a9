"""What every registered environment keeps of the contract."""

import dataclasses
import functools as ft
import io

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import pytest

import eqenvs

from .examples import example


pytestmark = pytest.mark.parametrize("id", eqenvs.registered())

NUM_LANES = 4
NUM_STEPS = 60


def struct(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


def assert_equal(x, y):
    assert jtu.tree_structure(x) == jtu.tree_structure(y)
    for (path, a), (_, b) in zip(
        jtu.tree_leaves_with_path(x), jtu.tree_leaves_with_path(y), strict=True
    ):
        assert a.dtype == b.dtype, jtu.keystr(path)
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jr.key_data(a), jr.key_data(b)
        np.testing.assert_array_equal(a, b, err_msg=jtu.keystr(path))


def assert_close(x, y):
    assert jtu.tree_structure(x) == jtu.tree_structure(y)
    for a, b in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@eqx.filter_jit
def walk(env, key):
    """`NUM_STEPS` random steps in `NUM_LANES` lanes, and where they started from."""
    reset_key, key = jr.split(key)
    observations, states = jax.vmap(env.reset)(jr.split(reset_key, NUM_LANES))

    def body(carry, key):
        observations, states = carry
        keys = jr.split(key, (2, NUM_LANES))
        actions = jax.vmap(lambda key: env.action_space.sample(key))(keys[0])
        step = jax.vmap(env.step)(keys[1], states, actions)
        inside = jax.vmap(env.action_space.contains)(actions)
        return (step.observation, step.state), (observations, actions, inside, step)

    end, trajectory = jax.lax.scan(
        body, (observations, states), jr.split(key, NUM_STEPS)
    )
    return end, trajectory


@ft.cache
def short_walk(id):
    """A walk with a time limit short enough to be reached."""
    env = example(id, max_steps=7)
    return env, walk(env, jr.key(3))


@ft.cache
def first_step(id):
    env = example(id)
    _, state = env.reset(jr.key(0))
    action = env.action_space.sample(jr.key(1))
    return env, state, action, env.step(jr.key(2), state, action)


def test_shapes_and_dtypes_never_change(id):
    env, _, action, step = first_step(id)
    observation, state = env.reset(jr.key(0))
    assert struct(observation) == struct(step.observation)
    assert struct(observation) == struct(step.info["final_observation"])
    assert struct(state) == struct(step.state)
    assert struct(step) == struct(env.step(jr.key(5), step.state, action))
    assert isinstance(state, eqenvs.AbstractState)
    assert state.time.dtype == jnp.int32 and state.time == 0
    assert step.reward.shape == () and step.reward.dtype == jnp.result_type(float)
    assert step.terminated.shape == () and step.terminated.dtype == bool
    assert step.truncated.shape == () and step.truncated.dtype == bool
    assert not any(x.weak_type for x in jax.tree.leaves((observation, state)))


def test_observations_and_actions_are_inside_their_spaces(id):
    env, (_, (observations, _, inside, step)) = short_walk(id)
    assert inside.all()
    contains = jax.jit(jax.vmap(jax.vmap(env.observation_space.contains)))
    assert contains(observations).all()
    assert contains(step.info["final_observation"]).all()
    space = env.observation_space
    for observation, expected in zip(
        jax.tree.leaves(observations),
        jax.tree.leaves(space.sample(jr.key(0))),
        strict=True,
    ):
        assert observation.shape[2:] == expected.shape
        assert observation.dtype == expected.dtype
    space.check(jax.tree.map(lambda x: x[0, 0], observations))


def test_time_limit_and_automatic_reset(id):
    env, (_, (observations, _, _, step)) = short_walk(id)
    done = step.terminated | step.truncated
    if not step.terminated.all():
        assert step.truncated.any()  # Of 60 steps, one is the seventh of an episode
    assert (step.state.time[done] == 0).all()
    # ... or the third, where episodes end sooner by themselves.
    time = np.zeros(NUM_LANES, int)
    for t in range(NUM_STEPS):
        time += 1
        np.testing.assert_array_equal(np.asarray(step.truncated[t]), time >= 7)
        time[np.asarray(done[t])] = 0
        np.testing.assert_array_equal(step.state.time[t], time)
    # The observation that a step returns is the one of the state that it returns, and
    # the final observation differs from it only where an episode ended.
    assert_close(jax.jit(jax.vmap(jax.vmap(env.observe)))(step.state), step.observation)
    assert_equal(
        jax.tree.map(lambda x: x[:-1], step.observation),
        jax.tree.map(lambda x: x[1:], observations),
    )
    same = ~np.asarray(done)
    assert_close(
        jax.tree.map(lambda x: x[same], step.observation),
        jax.tree.map(lambda x: x[same], step.info["final_observation"]),
    )


def test_final_observation_is_that_of_the_transition(id):
    env = example(id, max_steps=1)
    _, state = env.reset(jr.key(0))
    action = env.action_space.sample(jr.key(1))
    step = env.step(jr.key(2), state, action)

    @eqx.filter_jit
    def by_hand(env, key, state, action):
        transition = env.transition(key, state, action)
        return env.observe(transition.state), transition

    final_observation, transition = by_hand(env, jr.key(2), state, action)
    assert step.truncated and step.state.time == 0
    assert_close(step.info["final_observation"], final_observation)
    assert_close(step.reward, jnp.asarray(transition.reward, float))
    assert step.terminated == transition.terminated
    assert transition.state.time == 1


def test_determinism_and_dependence_on_the_key(id):
    env, state, action, step = first_step(id)
    assert_equal(env.step(jr.key(2), state, action), step)
    assert_equal(env.reset(jr.key(0)), env.reset(jr.key(0)))
    assert_equal(short_walk(id)[1], walk(example(id, max_steps=7), jr.key(3)))


def test_typed_and_raw_keys(id):
    env, state, action, step = first_step(id)
    assert_equal(env.reset(jr.PRNGKey(0)), env.reset(jr.key(0)))
    assert_equal(env.step(jr.PRNGKey(2), state, action), step)
    for impl in ("rbg", "unsafe_rbg"):
        other = env.step(jr.key(2, impl=impl), state, action)
        assert struct(other) == struct(step)
        assert struct(env.reset(jr.key(0, impl=impl))[1]) == struct(state)
    raw = jr.PRNGKey(2, impl="rbg")
    assert_equal(
        env.step(raw, state, action), env.step(jr.key(2, impl="rbg"), state, action)
    )


def test_jit_vmap_and_scan_agree(id):
    env, state, action, step = first_step(id)
    keys = jr.split(jr.key(4), 3)
    stacked = jax.tree.map(lambda x: jnp.stack([x] * 3), (state, action))
    mapped = jax.vmap(env.step)(keys, *stacked)
    for i in range(3):
        one = env.step(keys[i], state, action)
        assert_close(jax.tree.map(lambda x, i=i: x[i], mapped), one)
    assert_close(eqx.filter_jit(env.step)(jr.key(2), state, action), step)
    assert_close(jax.jit(env.step)(jr.key(2), state, action), step)
    assert_equal(jax.jit(env.reset)(jr.key(0))[1], state)


def test_vector_environment_keeps_its_law(id):
    env = example(id, max_steps=7)
    num_envs = 300  # resets are made in chunks of 128 lanes
    envs = eqenvs.VectorEnvironment(env, num_envs)
    lanes = jnp.arange(num_envs)

    @eqx.filter_jit
    def by_hand(env, key, states, actions):
        keys = jax.vmap(lambda lane: jr.fold_in(key, lane))(lanes)
        return jax.vmap(env.step)(keys, states, actions)

    @eqx.filter_jit
    def reset_by_hand(env, key):
        return jax.vmap(lambda lane: env.reset(jr.fold_in(key, lane)))(lanes)

    sample = jax.vmap(lambda key: env.action_space.sample(key))
    observations, states = envs.reset(jr.key(0))
    assert_equal((observations, states), reset_by_hand(env, jr.key(0)))
    # Some lanes are about to end, more and more of them, and at last all.
    for t, about_to_end in enumerate([0, 1, 127, 128, 129, 299, 300, 5]):
        states = eqx.tree_at(
            lambda s: s.time,
            states,
            jnp.where(lanes < about_to_end, jnp.int32(6), jnp.int32(2)),
        )
        states = jax.tree.map(lambda x: x, states)
        actions = sample(jr.split(jr.key(100 + t), num_envs))
        step = envs.step(jr.key(t), states, actions)
        expected = by_hand(env, jr.key(t), states, actions)
        assert (step.terminated | step.truncated).sum() >= about_to_end
        assert_equal(step, expected)
        states = step.state


def test_x64(id, x64):
    env = example(id, max_steps=7)
    _, (observations, _, inside, step) = walk(env, jr.key(3))
    for x in jax.tree.leaves((step, observations)):
        assert x.dtype not in (jnp.float32, jnp.int64, jnp.uint64)
    assert inside.all()
    assert step.truncated.any() or step.terminated.all()
    for x in jax.tree.leaves(env):
        if eqx.is_array(x):
            assert x.dtype not in (jnp.float32, jnp.int64)


def number_fields(env):
    """The fields that are scalar floating-point arrays."""
    return [
        f.name
        for f in dataclasses.fields(env)
        if eqx.is_inexact_array(getattr(env, f.name))
        and getattr(env, f.name).shape == ()
    ]


def test_a_different_process_in_every_lane(id):
    env, state, action, _ = first_step(id)
    limits = jnp.array([1, 2, 3], dtype=jnp.int32)
    envs = eqx.filter_vmap(lambda limit: example(id, max_steps=limit))(limits)
    step = eqx.filter_vmap(type(env).step, in_axes=(eqx.if_array(0), None, None, None))(
        envs, jr.key(2), state, action
    )
    assert step.truncated[0] and not step.truncated[1:].any()
    # Also through `VectorEnvironment`.
    vector = eqenvs.VectorEnvironment(envs, 3)
    _, states = vector.reset(jr.key(0))
    actions = jax.tree.map(lambda x: jnp.stack([x] * 3), action)
    step = vector.step(jr.key(1), states, actions)
    assert step.truncated[0] and not step.truncated[1:].any()
    lane_key = jr.fold_in(jr.key(1), 1)
    second = jax.tree.map(lambda x: x[1], states)
    assert_close(
        jax.tree.map(lambda x: x[1], step),
        example(id, max_steps=2).step(lane_key, second, action),
    )


def test_changing_a_number_does_not_recompile(id):
    env, state, action, _ = first_step(id)
    count = 0

    @eqx.filter_jit
    def step(env, key, state, action):
        nonlocal count
        count += 1
        return env.step(key, state, action)

    step(env, jr.key(0), state, action)
    step(example(id, max_steps=77), jr.key(1), state, action)
    for name in number_fields(env):
        changed = eqx.tree_at(
            lambda e, n=name: getattr(e, n), env, replace_fn=lambda x: x * 1.5
        )
        step(changed, jr.key(0), state, action)
    assert count == 1


def test_a_scalar_action_does_not_recompile(id):
    env, state, _, _ = first_step(id)
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


def test_flattening_and_serialisation(id):
    env = example(id)
    leaves, structure = jtu.tree_flatten(env)
    again = jtu.tree_unflatten(structure, leaves)
    assert eqx.tree_equal(env, again)
    assert all(eqx.is_array(x) for x in leaves)
    buffer = io.BytesIO()
    changed = eqx.tree_at(lambda e: e.max_steps, env, jnp.int32(77))
    eqx.tree_serialise_leaves(buffer, changed)
    buffer.seek(0)
    loaded = eqx.tree_deserialise_leaves(buffer, env)
    assert loaded.max_steps == 77
    assert eqx.tree_equal(loaded, changed)


def test_gradients_are_finite(id):
    """Where the dynamics are smooth, gradients flow; elsewhere they are zero."""
    env, state, action, _ = first_step(id)
    names = number_fields(env)
    numbers = {name: getattr(env, name) for name in names}

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(inputs):
        numbers, state = inputs
        changed = env
        for name in names:
            changed = eqx.tree_at(
                lambda e, n=name: getattr(e, n), changed, numbers[name]
            )
        step = changed.step(jr.key(2), state, action)
        floats = [
            jnp.sum(x)
            for x in jax.tree.leaves((step.observation, step.reward))
            if jnp.issubdtype(x.dtype, jnp.floating)
        ]
        return sum(floats, jnp.float32(0))

    for x in jax.tree.leaves(gradient((numbers, state))):
        assert np.isfinite(x).all()


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
