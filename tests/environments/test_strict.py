"""Environments in all their variants, as strict users of JAX trace them: no dtype is
promoted, and no rank."""

import jax
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import (
    BernoulliBandit,
    Blackjack,
    BsuiteCartPole,
    BsuiteMountainCar,
    CartPoleSwingUp,
    Catch,
    CliffWalking,
    DeepSea,
    DiscountingChain,
    FourRooms,
    FrozenLake,
    GaussianBandit,
    MemoryChain,
    MetaMaze,
    MNISTBandit,
    PointRobot,
    Reacher,
    SimpleBandit,
    Swimmer,
    Taxi,
    UmbrellaChain,
)


IMAGES = np.zeros((2, 4, 4), np.uint8)

VARIANTS = [
    lambda: Catch(),
    lambda: DeepSea(key=jr.key(0)),
    lambda: DeepSea(deterministic=False),
    lambda: MemoryChain(),
    lambda: MemoryChain(num_bits=40),
    lambda: UmbrellaChain(num_distractors=40),
    lambda: DiscountingChain(),
    lambda: DiscountingChain(key=jr.key(0)),
    lambda: MNISTBandit(IMAGES, [0, 1]),
    lambda: MNISTBandit(IMAGES.astype(float), [0, 1]),
    lambda: SimpleBandit(),
    lambda: SimpleBandit(key=jr.key(0)),
    lambda: BsuiteCartPole(),
    lambda: CartPoleSwingUp(),
    lambda: BsuiteMountainCar(),
    lambda: BernoulliBandit(),
    lambda: BernoulliBandit(kind="dependent-uniform"),
    lambda: BernoulliBandit(normalize_time=False, kind="independent", num_arms=3),
    lambda: GaussianBandit(),
    lambda: GaussianBandit(normalize_time=False),
    lambda: FourRooms(),
    lambda: FourRooms(start=None, goal=None, observation="image", goal_duration=3),
    lambda: FourRooms(goal=None, goal_avoids_agent=False),
    lambda: FrozenLake(),
    lambda: FrozenLake(map=["SS", "FG"], is_slippery=False),
    lambda: FrozenLake(FrozenLake.random_map(jr.key(0), 4)),
    lambda: MetaMaze(),
    lambda: MetaMaze(normalize_time=False, size=5),
    lambda: PointRobot(),
    lambda: PointRobot(start="off_circle", dense_reward=True, normalize_time=False),
    lambda: PointRobot(start="half_disc", observation="position"),
    lambda: PointRobot(start="center", goal=PointRobot.random_goal(jr.key(0))),
    lambda: Reacher(),
    lambda: Swimmer(),
    lambda: Swimmer(num_urchins=0),
    lambda: Taxi(),
    lambda: Taxi(is_rainy=True, fickle_passenger=True),
    lambda: Taxi(is_rainy=True),
    lambda: Taxi(fickle_passenger=True),
    lambda: CliffWalking(),
    lambda: CliffWalking(is_slippery=True),
    lambda: Blackjack(natural=True),
    lambda: Blackjack(sab=True),
]


@pytest.mark.parametrize("number", range(len(VARIANTS)))
def test_strict_users(number, either_precision):
    del either_precision
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        env = VARIANTS[number]()
        key = jr.key(0)
        observation, state = jax.eval_shape(env.reset, key)
        action = jax.eval_shape(env.action_space.sample, key)
        step = jax.eval_shape(env.step, key, state, action)
        jax.eval_shape(env.observation_space.contains, observation)
        jax.eval_shape(env.draw, state)
        envs = eqenvs.VectorEnvironment(env, 130)
        _, states = jax.eval_shape(envs.reset, key)
        actions = jax.eval_shape(envs.action_space.sample, key)
        jax.eval_shape(envs.step, key, states, actions)
    assert jax.tree.structure(step.state) == jax.tree.structure(state)
