from . import (
    arcade as arcade,
    bandits as bandits,
    bsuite as bsuite,
    classic_control as classic_control,
    mazes as mazes,
    minatar as minatar,
    planar as planar,
    toy_text as toy_text,
)
