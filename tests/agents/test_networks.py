import copy
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import (
    Breakout,
    CartPole,
    evaluate,
    MountainCar,
    Pendulum,
    rollout,
    spaces,
)
from eqenvs.agents import A2C, ActorCritic, APG, EvolutionStrategy, PPO, PQN
from eqenvs.agents._layers import convolve
from eqenvs.agents.networks import Network

from ..trees import parts_of


def agent_of(env, **options):
    return ActorCritic(
        env.observation_space,
        env.action_space,
        hidden_width=8,
        hidden_depth=1,
        key=jr.key(0),
        **options,
    )


def test_actions_reach_the_bounds_and_no_further():
    space = spaces.Box(jnp.array([-2.0, 0.0]), jnp.array([2.0, 10.0]))
    agent = ActorCritic(spaces.Box(-1.0, 1.0, (3,)), space, key=jr.key(0))
    to_action = lambda *x: np.asarray(agent.to_action(jnp.array(x)))  # noqa: E731
    np.testing.assert_allclose(to_action(0.0, 0.0), [0, 5])
    np.testing.assert_allclose(to_action(-1.0, 1.0), [-2, 10])
    np.testing.assert_allclose(to_action(-3.0, 3.0), [-2, 10])


def decomposed_shapes(jaxpr):
    """The shapes of all matrices that a program decomposes."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("qr", "geqrf"):
            yield equation.invars[0].aval.shape
        for part in parts_of(equation):
            yield from decomposed_shapes(part)


@pytest.mark.parametrize("memory", ["none", "gru"])
def test_many_networks_do_not_wait_for_each_other(memory):
    """Until JAX 0.11, decompositions of batches at the same time may wait forever."""

    def new(key):
        agent = ActorCritic(
            spaces.Box(-1.0, 1.0, (3,)), spaces.Discrete(2), key=key, memory=memory
        )
        return eqx.filter(agent, eqx.is_array)

    keys = jr.split(jr.key(0), 6).reshape(2, 3)
    shapes = [*decomposed_shapes(jax.make_jaxpr(jax.vmap(jax.vmap(new)))(keys).jaxpr)]
    assert len(shapes) >= 4 and all(len(shape) == 2 for shape in shapes)
    networks = jax.jit(jax.vmap(jax.vmap(new)))(keys)
    last = jax.tree.map(lambda x: x[1, 2], networks)
    for a, b in zip(
        jax.tree.leaves(last), jax.tree.leaves(new(keys[1, 2])), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_any_observation_becomes_a_vector():
    space = spaces.Dict(
        {
            "image": spaces.Box(False, True, (2, 2), bool),
            "place": spaces.Discrete(3),
            "rest": spaces.Tuple((spaces.MultiDiscrete((2, 2)), spaces.Box(0.0, 1.0))),
        }
    )
    value = {
        "image": jnp.array([[True, False], [False, True]]),
        "place": jnp.array(2),
        "rest": (jnp.array([0, 1]), jnp.array(0.5)),
    }
    np.testing.assert_array_equal(
        spaces.flatten(space, value), [1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0.5]
    )
    agent = ActorCritic(
        space, spaces.Discrete(2), hidden_width=4, hidden_depth=1, key=jr.key(0)
    )
    assert agent.actor.layers[0].in_features == 12
    assert agent(jr.key(0), value).shape == ()


def test_only_weights_are_floats(either_precision):
    """What a gradient or an evolution strategy may change."""
    for env in (CartPole(), Pendulum()):
        agent = agent_of(env)
        weights = jax.tree.leaves(eqx.filter(agent, eqx.is_inexact_array))
        networks = (agent.actor, agent.critic, agent.log_std)
        expected = jax.tree.leaves(eqx.filter(networks, eqx.is_array))
        assert len(weights) == len(expected) and len(weights) >= 8
        assert all(x is y for x, y in zip(weights, expected, strict=True))
        changed = jax.tree.map(lambda x: x + 1 if eqx.is_inexact_array(x) else x, agent)
        if agent.bounds is not None:
            low, high = (bound.value for bound in changed.bounds)
            np.testing.assert_array_equal(low, env.action_space.low)
            np.testing.assert_array_equal(high, env.action_space.high)


@pytest.mark.parametrize("env", [CartPole(), Pendulum()], ids=["CartPole", "Pendulum"])
def test_an_agent_is_copied_and_pickled_without_compiling_again(env):
    agent = agent_of(env)
    observation = env.observation_space.sample(jr.key(1))
    compilations = []

    @eqx.filter_jit
    def act(agent, key, observation):
        compilations.append(None)
        return agent(key, observation)

    action = act(agent, jr.key(2), observation)
    for again in (copy.deepcopy(agent), pickle.loads(pickle.dumps(agent))):
        np.testing.assert_array_equal(act(again, jr.key(2), observation), action)
    assert len(compilations) == 1


def test_an_agent_is_compiled_by_jax_as_well():
    agent, key = agent_of(CartPole()), jr.key(0)
    np.testing.assert_array_equal(
        jax.jit(agent)(key, jnp.ones(4)), agent(key, jnp.ones(4))
    )
    np.testing.assert_array_equal(
        jax.jit(agent.greedy)(key, jnp.ones(4)), agent.greedy(key, jnp.ones(4))
    )
    assert agent == agent and agent != agent_of(CartPole())


def test_an_agent_draws_several_integers(either_precision):
    space = spaces.MultiDiscrete((2, 3, 200))
    agent = ActorCritic(
        spaces.Box(-1.0, 1.0, (3,)),
        space,
        hidden_width=8,
        hidden_depth=1,
        key=jr.key(0),
    )
    actions = jax.vmap(agent, in_axes=(0, None))(jr.split(jr.key(1), 500), jnp.ones(3))
    assert actions.dtype == jnp.int32 and jax.vmap(space.contains)(actions).all()
    assert [len(np.unique(x)) for x in actions.T[:2]] == [2, 3]
    assert actions[:, 2].max() > 127
    distribution = agent.distribution(jnp.ones(3))
    parts = [
        entry.log_prob(a)
        for entry, a in zip(distribution.entries, actions[0], strict=True)
    ]
    np.testing.assert_allclose(distribution.log_prob(actions[0]), sum(parts), rtol=1e-5)
    assert space.contains(agent.greedy(jr.key(0), jnp.ones(3)))


def test_images_go_through_a_convolution(either_precision):
    env = Breakout()
    default, mlp = agent_of(env), agent_of(env, torso="mlp")
    assert default.actor.convolution is not None and mlp.actor.convolution is None
    assert default.actor.convolution.weight.shape == (16, 4, 3, 3)
    kernels = default.actor.convolution.weight.reshape(16, -1)
    np.testing.assert_allclose(kernels @ kernels.T, 2 * np.eye(16), atol=1e-5)
    for agent in (default, mlp):
        result = rollout(env, agent, 0, num_steps=3, num_envs=2)
        assert result.trajectory.action.shape == (3, 2)
    assert agent_of(CartPole()).actor.convolution is None
    # A convolution sees the same thing in two places as the same.
    image = np.zeros((2, 10, 10, 4), bool)
    image[0, 3, 3, 1] = image[1, 4, 5, 1] = True
    images = jnp.moveaxis(jnp.asarray(image, float), -1, 1)
    features = jax.vmap(default.actor.convolution)(images)
    ours = convolve(default.actor.convolution, jnp.moveaxis(images, 0, -1))
    np.testing.assert_allclose(jnp.moveaxis(ours, -1, 0), features, atol=1e-6)
    np.testing.assert_allclose(features[0, :, 1:4, 1:4], features[1, :, 2:5, 3:6])


def test_observations_are_scaled_by_their_bounds(either_precision):
    low, high = jnp.array([-1.2, -jnp.inf, 3.0]), jnp.array([0.6, 5.0, 3.0])
    space = spaces.Tuple((spaces.Box(low, high), spaces.Box(0, 4, (2,), jnp.int32)))
    make = lambda **options: ActorCritic(  # noqa: E731
        space,
        spaces.Discrete(2),
        hidden_width=8,
        hidden_depth=1,
        key=jr.key(0),
        **options,
    )
    observation = jnp.array([0.15, 4.0, 3.0]), jnp.array([0, 3], jnp.int32)
    # One without bounds and one with a single value stay as they are.
    scaled = jnp.array([0.5, 4.0, 3.0, -1.0, 0.5])
    agent, plain = make(scale_observations=True), make()
    output = plain.actor._of_features(scaled)
    np.testing.assert_allclose(agent.actor(observation), output, rtol=1e-5)
    batch = jax.tree.map(lambda x: jnp.stack([x, x]), observation)
    values = agent.values(batch)
    np.testing.assert_allclose(values, [agent.value(observation)] * 2, rtol=1e-5)
    # The features of a memory are not observations.
    recurrent = make(scale_observations=True, memory="gru")
    assert recurrent.encoder.input_bounds is not None
    assert recurrent.actor.input_bounds is None
    # Bounds are no weights.
    assert len(jax.tree.leaves(eqx.filter(agent, eqx.is_inexact_array))) == len(
        jax.tree.leaves(eqx.filter(plain, eqx.is_inexact_array))
    )


@pytest.mark.parametrize("cls", [PPO, A2C, PQN, EvolutionStrategy, APG])
def test_every_algorithm_can_scale_observations(cls):
    env = Pendulum() if cls is APG else MountainCar()
    algorithm = cls(scale_observations=True)
    learner = eqx.filter_eval_shape(lambda: algorithm.init(env, jr.key(0)))
    networks = [
        x
        for x in jax.tree.leaves(learner, is_leaf=lambda x: isinstance(x, Network))
        if isinstance(x, Network)
    ]
    assert networks and all(x.input_bounds is not None for x in networks)


def test_frames_of_a_stack_are_channels():
    """As if they had been stacked along the last axis."""
    stack = spaces.Box(0, 255, (2, 5, 4, 3), jnp.uint8)
    image = spaces.Box(0, 255, (5, 4, 6), jnp.uint8)
    agent, other = (
        ActorCritic(
            space, spaces.Discrete(2), hidden_width=8, hidden_depth=1, key=jr.key(0)
        )
        for space in (stack, image)
    )
    frames = stack.sample(jr.key(1))
    merged = jnp.concatenate([frames[0], frames[1]], axis=-1)
    assert agent.critic.convolution is not None
    np.testing.assert_allclose(agent.critic(frames), other.critic(merged), rtol=1e-5)


def test_bytes_of_an_image_are_scaled():
    space = spaces.Box(0, 255, (4, 4, 1), jnp.uint8)
    agent = ActorCritic(
        space, spaces.Discrete(2), hidden_width=8, hidden_depth=1, key=jr.key(0)
    )
    as_float = ActorCritic(
        spaces.Box(0.0, 1.0, (4, 4, 1)),
        spaces.Discrete(2),
        hidden_width=8,
        hidden_depth=1,
        key=jr.key(0),
    )
    np.testing.assert_allclose(
        agent.value(jnp.full((4, 4, 1), 51, jnp.uint8)),
        as_float.value(jnp.full((4, 4, 1), 0.2)),
        rtol=1e-5,
    )


def test_mistakes(unchecked):
    box = spaces.Box(0.0, 1.0, (3,))
    with pytest.raises(TypeError, match="action space must be a Discrete space or a"):
        ActorCritic(box, spaces.Tuple((spaces.Discrete(2),)), key=jr.key(0))
    with pytest.raises(TypeError, match="action space must be a Discrete space or a"):
        ActorCritic(box, spaces.Box(0, 5, (2,), jnp.int32), key=jr.key(0))
    with pytest.raises(ValueError, match=r"\(height, width, channels\).*got Box"):
        ActorCritic(box, spaces.Discrete(2), torso="conv", key=jr.key(0))


def test_an_agent_names_the_shape_of_its_observations(unchecked):
    agent = ActorCritic(spaces.Box(0.0, 1.0, (3,)), spaces.Discrete(2), key=jr.key(0))
    for act in (agent, agent.greedy):
        with pytest.raises(ValueError, match=r"must have the shape \(3,\); got \(4,\)"):
            act(jr.key(0), jnp.zeros(4))
    with pytest.raises(ValueError, match=r"got \(2, 3\). \(For a batch, use"):
        agent(jr.key(0), jnp.zeros((2, 3)))
    with pytest.raises(TypeError, match=r"arrays of shape \(3,\); got a list of 3"):
        agent(jr.key(0), [0.0, 0.0, 0.0])
    with pytest.raises(TypeError, match="`ActorCritic` takes one JAX PRNG key, "):
        agent(0, jnp.zeros(3))
    pair = spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2)))
    agent_of_pairs = ActorCritic(pair, spaces.Discrete(2), key=jr.key(0))
    with pytest.raises(TypeError, match="must have the structure"):
        agent_of_pairs(jr.key(0), jnp.zeros(2))
    with pytest.raises(ValueError, match=r"must have the shape \(3,\); got \(4,\)"):
        evaluate(CartPole(), agent, 0, num_episodes=1)
