"""Agents that learn: `pip install eqenvs[agents]`."""

from .networks import ActorCritic as ActorCritic
from .ppo import LearningCurve as LearningCurve, PPO as PPO
