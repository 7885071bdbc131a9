"""Wrappers: environments made of an environment, one transformation each."""

from ._wrapper import (
    AbstractActionWrapper as AbstractActionWrapper,
    AbstractObservationWrapper as AbstractObservationWrapper,
    AbstractRewardWrapper as AbstractRewardWrapper,
    AbstractStatelessWrapper as AbstractStatelessWrapper,
    AbstractWrapper as AbstractWrapper,
    AbstractWrapperState as AbstractWrapperState,
)
from .flatten_observation import FlattenObservation as FlattenObservation
from .sticky_action import (
    StickyAction as StickyAction,
    StickyActionState as StickyActionState,
)
from .time_limit import TimeLimit as TimeLimit
from .transform_reward import TransformReward as TransformReward
from .trial import Trial as Trial, TrialState as TrialState
