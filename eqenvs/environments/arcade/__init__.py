from .pong import Pong as Pong, PongState as PongState
