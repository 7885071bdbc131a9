"""The environments of bsuite 0.3.6 (https://github.com/google-deepmind/bsuite).

**Deviations:**

- An observation of shape `(1, k)` has the shape `(k,)` here. Catch's board and
  DeepSea's grid stay two-dimensional.
- bsuite accumulates regret and similar numbers over the life of an environment, for its
  scores. They follow from the rewards and are not part of a state here.
- There is a time limit, `max_steps`, which bsuite does not have. With the defaults, an
  episode always terminates before it, or at the same step (DeepSea, DiscountingChain
  and MNISTBandit, whose last step is both terminated and truncated). The two CartPoles
  and MountainCar have no time limit by default.
"""

from ..._registry import register
from .cart_pole import (
    BsuiteCartPole as BsuiteCartPole,
    BsuiteCartPoleState as BsuiteCartPoleState,
)
from .cart_pole_swing_up import (
    CartPoleSwingUp as CartPoleSwingUp,
    CartPoleSwingUpState as CartPoleSwingUpState,
)
from .catch import Catch as Catch, CatchState as CatchState
from .deep_sea import DeepSea as DeepSea, DeepSeaState as DeepSeaState
from .discounting_chain import (
    DiscountingChain as DiscountingChain,
    DiscountingChainState as DiscountingChainState,
)
from .memory_chain import (
    MemoryChain as MemoryChain,
    MemoryChainState as MemoryChainState,
)
from .mnist_bandit import (
    MNISTBandit as MNISTBandit,
    MNISTBanditState as MNISTBanditState,
)
from .mountain_car import BsuiteMountainCar as BsuiteMountainCar
from .simple_bandit import (
    SimpleBandit as SimpleBandit,
    SimpleBanditState as SimpleBanditState,
)
from .umbrella_chain import (
    UmbrellaChain as UmbrellaChain,
    UmbrellaChainState as UmbrellaChainState,
)


register(
    "Catch-bsuite",
    Catch,
    family="bsuite",
    solved_return=1.0,
    frames_per_second=8.0,
    training={"ppo": {"num_steps": 300_000}},
)
register(
    "DeepSea-bsuite",
    DeepSea,
    family="bsuite",
    solved_return=0.99,
    frames_per_second=6.0,
    # One of 256 sequences of random actions finds the treasure, which is often enough.
    training={
        "ppo": {
            "num_steps": 200_000,
            "discount": 1.0,
            "entropy_coefficient": 0.02,
            "hidden_width": 32,
        },
        "pqn": {
            "num_steps": 200_000,
            "discount": 1.0,
            "q_lambda": 0.9,
            "rollout_steps": 16,
            "num_minibatches": 4,
            "exploration_fraction": 0.5,
            "hidden_width": 32,
        },
    },
)
register(
    "MemoryChain-bsuite",
    MemoryChain,
    family="bsuite",
    frames_per_second=4.0,
    training={
        "a2c": {
            "num_steps": 100_000,
            "memory": "gru",
            "rollout_steps": 32,
            "hidden_depth": 1,
        },
        "ppo": {"num_steps": 200_000, "memory": "gru", "hidden_depth": 1},
    },
)
for _class, _training in (
    (UmbrellaChain, {"ppo": {"num_steps": 500_000}}),
    (
        DiscountingChain,
        {
            "ppo": {
                "num_steps": 500_000,
                "discount": 1.0,
                "gae_lambda": 1.0,
                "num_envs": 32,
                "rollout_steps": 100,
            }
        },
    ),
    (MNISTBandit, {"ppo": {"num_steps": 1_000_000, "rollout_steps": 32}}),
    (SimpleBandit, {"ppo": {"num_steps": 50_000}}),
):
    register(
        f"{_class.__name__}-bsuite",
        _class,
        family="bsuite",
        frames_per_second=4.0,
        training=_training,
    )
register(
    "CartPole-bsuite",
    BsuiteCartPole,
    family="bsuite",
    frames_per_second=100.0,
    training={"ppo": {"num_steps": 500_000, "reward_scale": 0.1}},
)
register(
    "CartPoleSwingUp-bsuite",
    CartPoleSwingUp,
    family="bsuite",
    frames_per_second=100.0,
    # Episodes that start anywhere find the rewards, which are near the top alone.
    training={
        "ppo": {
            "parameters": {"initial_bound": 3.0},
            "num_steps": 4_000_000,
            "rollout_steps": 128,
            "discount": 0.995,
            "reward_scale": 0.05,
        }
    },
)
register(
    "MountainCar-bsuite",
    BsuiteMountainCar,
    family="bsuite",
    frames_per_second=30.0,
    training={
        "es": {
            "num_steps": 5_000_000,
            "strategy": "CMA-ES",
            "hidden_depth": 0,
            "initial_spread": 1.0,
            "population_size": 32,
            "episode_steps": 1000,
        }
    },
)
