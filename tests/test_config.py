"""Configurations: complete, exact, and read back as the same object."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, from_config, to_config, wrappers

from .examples import example


def halve(reward):
    return reward / 2


def through_json(config):
    def default(value):
        assert isinstance(value, np.ndarray)
        return value.tolist()

    return json.loads(json.dumps(config, default=default, allow_nan=False))


@pytest.mark.parametrize("id", eqenvs.registered())
def test_every_environment_comes_back(id):
    env = example(id)
    config = to_config(env)
    assert config["class"].startswith("eqenvs:")
    assert eqx.tree_equal(from_config(config), env)
    assert eqx.tree_equal(from_config(through_json(config)), env)


def test_what_it_looks_like():
    config = to_config(CartPole(gravity=9.81, integrator="semi-implicit euler"))
    assert config["class"] == "eqenvs:CartPole"
    assert config["gravity"] == 9.81 and config["max_steps"] == 500
    assert config["integrator"] == "semi-implicit euler"
    assert config["sutton_barto_reward"] is False
    fields = {field.name for field in dataclasses.fields(CartPole)}
    assert set(config) == {"class", *fields}


@pytest.mark.parametrize("seed", range(20))
def test_numbers_are_exact(seed, either_precision):
    rng = np.random.default_rng(seed)
    gravity = jnp.asarray(rng.normal() * 10.0 ** rng.integers(-20, 20))
    env = CartPole(gravity=gravity)
    again = from_config(through_json(to_config(env)))
    assert again.gravity == env.gravity and again.gravity.dtype == env.gravity.dtype


def test_wrappers_functions_and_infinity():
    env = wrappers.Trial(
        wrappers.TransformReward(eqenvs.PointRobot(goal=(0.5, 0.5)), halve), 3
    )
    config = to_config(env)
    assert config["env"]["class"] == "eqenvs.wrappers:TransformReward"
    assert config["env"]["function"] == {"function": f"{__name__}:halve"}
    assert config["env"]["env"]["goal"].dtype == jnp.zeros(()).dtype
    assert eqx.tree_equal(from_config(config), env)
    local = wrappers.TransformReward(CartPole(), lambda reward: reward)
    with pytest.raises(ValueError, match="cannot be imported"):
        to_config(local)


def test_a_batch_of_environments():
    env = eqx.tree_at(lambda e: e.gravity, CartPole(), jnp.array([1.0, 9.8]))
    assert eqx.tree_equal(from_config(to_config(env)), env)
    envs = eqx.filter_vmap(CartPole)(jnp.arange(3.0))
    assert eqx.tree_equal(from_config(through_json(to_config(envs))), envs)


class TestMistakes:
    def test_an_older_version_has_fewer_fields(self):
        config = to_config(CartPole(gravity=1))
        del config["force"], config["cart_mass"]
        with pytest.warns(UserWarning, match="CartPole has no cart_mass, force"):
            env = from_config(config)
        assert env.gravity == 1 and env.force == 10

    def test_an_unknown_field(self):
        with pytest.raises(TypeError, match="no parameter 'gravty'"):
            from_config({**to_config(CartPole()), "gravty": 1})

    def test_a_value_that_is_not_allowed(self):
        config = {**to_config(CartPole()), "max_steps": 0}
        with pytest.raises(ValueError, match=r"CartPole\.max_steps .*got 0"):
            from_config(config)

    @pytest.mark.parametrize(
        "config, error, message",
        [
            ({}, TypeError, "the entry 'class'"),
            (None, TypeError, "must be a dictionary"),
            ({"class": 3}, TypeError, "the entry 'class'"),
            ({"class": "eqenvs"}, ValueError, "'eqenvs' .*cannot be imported"),
            ({"class": "eqenvs:Missing"}, ValueError, "cannot be imported"),
            ({"class": "__main__:Mine"}, ValueError, "script or notebook that wrote"),
            ({"class": "os:getcwd"}, TypeError, "must have described fields"),
        ],
    )
    def test_no_class(self, config, error, message, unchecked):
        with pytest.raises(error, match=message):
            from_config(config)

    def test_what_has_no_configuration(self, unchecked):
        with pytest.raises(TypeError, match="to_config takes an environment"):
            to_config({"gravity": 1})
        with pytest.raises(ValueError, match=r"CartPole\.gravity is being traced"):
            jax.jit(lambda g: to_config(CartPole(gravity=g)))(1.0)
