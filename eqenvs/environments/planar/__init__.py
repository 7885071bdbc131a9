from ..._registry import register
from .point_robot import PointRobot as PointRobot, PointRobotState as PointRobotState
from .reacher import Reacher as Reacher, ReacherState as ReacherState
from .swimmer import Swimmer as Swimmer, SwimmerState as SwimmerState


_ppo = {"num_steps": 1_000_000}
# Random moves hardly ever follow the semicircle until the goal is found; among whole
# policies, some do.
_es = {
    "num_steps": 200_000_000,
    "strategy": "CMA-ES",
    "initial_spread": 0.5,
    "num_episodes": 64,
    "episode_steps": 100,
}
for _class, _training in (
    (PointRobot, {"es": _es, "ppo": _ppo}),
    (Reacher, {"ppo": _ppo}),
    (Swimmer, {"ppo": _ppo}),
):
    register(
        f"{_class.__name__}-misc",
        _class,
        family="planar",
        frames_per_second=20.0,
        training=_training,
    )
