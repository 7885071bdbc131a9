from ..._registry import register
from .pong import Pong as Pong, PongState as PongState


register("Pong-misc", Pong, family="arcade", frames_per_second=15.0)
