"""bsuite: 23 experiments in 468 settings that measure seven abilities of an agent.

Osband et al., "Behaviour suite for reinforcement learning" (ICLR 2020);
https://github.com/google-deepmind/bsuite.
"""

from ._files import load as load, plot_radar as plot_radar
from ._run import run as run, Sweep as Sweep
from ._scores import abilities as abilities, scores as scores, TAGS as TAGS
from ._settings import (
    EXPERIMENTS as EXPERIMENTS,
    make as make,
    Setting as Setting,
    setting as setting,
    settings as settings,
)
