from ..._registry import register
from .pong import Pong as Pong, PongState as PongState


register(
    "Pong-misc",
    Pong,
    family="arcade",
    frames_per_second=15.0,
    training={
        "pqn": {
            "num_steps": 1_000_000,
            "num_minibatches": 32,
            "discount": 0.98,
            "torso": "mlp",
            "hidden_width": 32,
        }
    },
)
