from .point_robot import PointRobot as PointRobot, PointRobotState as PointRobotState
from .reacher import Reacher as Reacher, ReacherState as ReacherState
from .swimmer import Swimmer as Swimmer, SwimmerState as SwimmerState
