from ..._registry import register
from .point_robot import PointRobot as PointRobot, PointRobotState as PointRobotState
from .reacher import Reacher as Reacher, ReacherState as ReacherState
from .swimmer import Swimmer as Swimmer, SwimmerState as SwimmerState


for _class in (PointRobot, Reacher, Swimmer):
    register(
        f"{_class.__name__}-misc",
        _class,
        family="planar",
        frames_per_second=20.0,
        training={"ppo": {"num_steps": 1_000_000}},
    )
