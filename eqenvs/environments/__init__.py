from . import classic_control as classic_control, mazes as mazes, planar as planar
