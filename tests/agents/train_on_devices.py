"""One of two processes that train together, each with two devices.

`python -m tests.agents.train_on_devices PROCESS PORT FOLDER`
"""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np


def main(process: int, port: int, folder: str) -> None:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=process)
    from eqenvs import CartPole
    from eqenvs.agents import checkpoint, PPO, train

    def must_not_write(*_):
        raise AssertionError("only the first process may write")

    if process == 1:
        checkpoint.write_safely = must_not_write
        checkpoint.os.open = must_not_write

    mesh = jax.make_mesh((4,), ("devices",))
    rows = []
    trained = train(
        PPO(num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2),
        CartPole(),
        0,
        5 * 64,
        mesh=mesh,
        folder=folder,
        checkpoint_seconds=0,
        log=rows.append,
    )
    # The agent is one of this process: it can be used without the others.
    action = trained.agent.greedy(jax.random.key(0), jnp.zeros(4))
    print(
        json.dumps(
            {
                "devices": jax.device_count(),
                "rows": len(rows),
                "return": np.asarray(trained.metrics["return"]).tolist(),
                "action": int(action),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
