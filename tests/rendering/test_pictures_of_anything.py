"""Pictures of states and parameters that nobody thought of, by Hypothesis."""

import random

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import eqenvs

from .pictures import assert_sound, scene_of


# Those whose pictures depend on real numbers.
IDS = [
    "Acrobot-v1",
    "CartPole-v1",
    "CartPoleSwingUp-bsuite",
    "GaussianBandit-misc",
    "MountainCar-v0",
    "Pendulum-v1",
    "PointRobot-misc",
    "Pong-misc",
    "Reacher-misc",
    "Swimmer-misc",
]
REALS = st.one_of(
    st.floats(-10, 10, width=32),
    st.floats(-1e30, 1e30),
    st.sampled_from([0.0, -0.0, 1e-38, 1e30, -1e30]),
)


def is_real(leaf):
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


@pytest.mark.parametrize("id", IDS)
def test_the_picture_of_anything_is_a_picture(id):
    env = eqenvs.make(id)
    start = env.initial_state(eqenvs.random.key(0))
    state_leaves, state_structure = jax.tree.flatten(start)
    env_leaves, env_structure = jax.tree.flatten(env)

    @settings(max_examples=25)
    @given(st.data())
    def check(data):
        def real(leaf, numbers, combine):
            if not is_real(leaf):
                return leaf
            drawn = data.draw(st.lists(numbers, min_size=leaf.size, max_size=leaf.size))
            drawn = np.asarray(drawn, leaf.dtype).reshape(leaf.shape)
            return combine(np.asarray(leaf), drawn).astype(leaf.dtype)

        # Parameters from a tenth to ten times their usual values.
        factors = st.sampled_from([0.1, 0.5, 1.0, 2.0, 10.0])
        other_env = env_structure.unflatten(
            [real(leaf, factors, np.multiply) for leaf in env_leaves]
        )
        state = state_structure.unflatten(
            [real(leaf, REALS, lambda _, x: x) for leaf in state_leaves]
        )
        before = random.getstate()  # Compiling may draw, which Hypothesis objects to.
        scene = jax.device_get(scene_of(other_env, state))
        random.setstate(before)
        assert_sound(scene, finite=False)

    check()
