"""Wrappers: environments made from another environment, one transformation each."""

from ._statistics import update_statistics as update_statistics
from ._wrapper import (
    AbstractActionWrapper as AbstractActionWrapper,
    AbstractObservationWrapper as AbstractObservationWrapper,
    AbstractRewardWrapper as AbstractRewardWrapper,
    AbstractStatelessWrapper as AbstractStatelessWrapper,
    AbstractWrapper as AbstractWrapper,
    AbstractWrapperState as AbstractWrapperState,
)
from .action_repeat import (
    ActionRepeat as ActionRepeat,
    ActionRepeatState as ActionRepeatState,
)
from .clip_action import ClipAction as ClipAction
from .clip_reward import ClipReward as ClipReward
from .delay_observation import (
    DelayObservation as DelayObservation,
    DelayObservationState as DelayObservationState,
)
from .discretize_action import DiscretizeAction as DiscretizeAction
from .drawn_environment import (
    DrawnEnvironment as DrawnEnvironment,
    DrawnEnvironmentState as DrawnEnvironmentState,
)
from .episode_statistics import (
    EpisodeStatistics as EpisodeStatistics,
    EpisodeStatisticsState as EpisodeStatisticsState,
)
from .flatten_action import FlattenAction as FlattenAction
from .flatten_observation import FlattenObservation as FlattenObservation
from .frame_stack import (
    FrameStack as FrameStack,
    FrameStackState as FrameStackState,
)
from .mask_observation import MaskObservation as MaskObservation
from .noisy_observation import (
    NoisyObservation as NoisyObservation,
    NoisyObservationState as NoisyObservationState,
)
from .normalize_observation import NormalizeObservation as NormalizeObservation
from .normalize_reward import (
    NormalizeReward as NormalizeReward,
    NormalizeRewardState as NormalizeRewardState,
)
from .one_hot_observation import OneHotObservation as OneHotObservation
from .pixel_observation import PixelObservation as PixelObservation
from .previous_action_and_reward import (
    PreviousActionAndReward as PreviousActionAndReward,
    PreviousActionAndRewardState as PreviousActionAndRewardState,
)
from .rescale_action import RescaleAction as RescaleAction
from .reward_noise import RewardNoise as RewardNoise
from .reward_scale import RewardScale as RewardScale
from .start_from import StartFrom as StartFrom
from .sticky_action import (
    StickyAction as StickyAction,
    StickyActionState as StickyActionState,
)
from .stop_gradient import StopGradient as StopGradient
from .strict import Strict as Strict
from .time_aware_observation import TimeAwareObservation as TimeAwareObservation
from .time_limit import TimeLimit as TimeLimit
from .transform_action import TransformAction as TransformAction
from .transform_observation import TransformObservation as TransformObservation
from .transform_reward import TransformReward as TransformReward
from .trial import Trial as Trial, TrialState as TrialState
