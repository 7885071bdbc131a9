"""Agents that learn: `pip install "eqenvs[agents]"`."""

try:
    import optax as _  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f'eqenvs.agents needs the package {error.name}: pip install "eqenvs[agents]"',
        name=error.name,
    ) from error

from ._algorithm import (
    AbstractAlgorithm as AbstractAlgorithm,
    AbstractLearner as AbstractLearner,
    Trained as Trained,
)
from ._pretrained import pretrained as pretrained
from .a2c import A2C as A2C, A2CLearner as A2CLearner
from .apg import APG as APG, APGLearner as APGLearner
from .checkpoint import load as load, Run as Run
from .evolution import (
    EvolutionLearner as EvolutionLearner,
    EvolutionStrategy as EvolutionStrategy,
)
from .networks import Actor as Actor, ActorCritic as ActorCritic
from .ppo import PPO as PPO, PPOLearner as PPOLearner
from .pqn import PQN as PQN, PQNLearner as PQNLearner, QNetwork as QNetwork
from .random_agent import (
    RandomAgent as RandomAgent,
    RandomLearner as RandomLearner,
    RandomPolicy as RandomPolicy,
)
from .table import TablePolicy as TablePolicy, TupleTablePolicy as TupleTablePolicy
from .training import (
    resume as resume,
    train as train,
    TrainingDiverged as TrainingDiverged,
    TrainingInterrupted as TrainingInterrupted,
)
