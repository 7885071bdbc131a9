"""The five MinAtar games beside gymnax and, where it is installed, pgx-minatar.

    python -m benchmarks.minatar
    python -m benchmarks.minatar Asterix Freeway

As in `benchmarks.side_by_side`: whole rollouts, interleaved, with the same number of
environments and steps, uniformly random actions drawn beforehand, threefry keys and
automatic reset, every observation and reward used. pgx-minatar plays without sticky
actions here, as the others do; it has no time limit.
"""

import argparse
import importlib.util
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr

import eqenvs

from .side_by_side import (
    digest,
    draw_actions,
    eqenvs_vector,
    eqenvs_vmap,
    gymnax_vmap,
    measure,
)


PGX_CLASSES = {
    "Asterix": "MinAtarAsterix",
    "Breakout": "MinAtarBreakout",
    "Freeway": "MinAtarFreeway",
    "Seaquest": "MinAtarSeaquest",
    "SpaceInvaders": "MinAtarSpaceInvaders",
}
PGX_MODULES = {"SpaceInvaders": "space_invaders"}


def pgx_vmap(game: str, num_envs: int) -> Callable:
    """pgx-minatar's environment, with pgx's own automatic reset."""
    from pgx.experimental import auto_reset

    module = importlib.import_module(
        f"pgx_minatar.{PGX_MODULES.get(game, game.lower())}"
    )
    env = getattr(module, PGX_CLASSES[game])(sticky_action_prob=0.0)
    step = jax.vmap(auto_reset(env.step, env.init))

    def run(key, actions):
        reset_key, key = jr.split(key)
        states = jax.vmap(env.init)(jr.split(reset_key, num_envs))

        def body(carry, action):
            key, states, total = carry
            key, step_key = jr.split(key)
            states = step(states, action, jr.split(step_key, num_envs))
            total = total + digest(states.observation, states.rewards)
            return (key, states, total), None

        carry = (key, states, jnp.float32(0))
        return jax.lax.scan(body, carry, actions)[0][-1]

    return run


def compare(game: str, num_envs: int, num_steps: int, repeats: int) -> dict[str, dict]:
    """Medians of the run time and the compile time, for every contestant."""
    id = f"{game}-MinAtar"
    env = eqenvs.make(id)
    key = jr.key(1)
    actions = draw_actions(env, num_steps, num_envs)
    contestants = {
        "vector": eqenvs_vector(env, num_envs),
        "vmap": eqenvs_vmap(env, num_envs),
        "gymnax": gymnax_vmap(id, num_envs),
    }
    if importlib.util.find_spec("pgx_minatar") is not None:
        contestants["pgx"] = pgx_vmap(game, num_envs)
    return measure(contestants, key, actions, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", nargs="*", default=list(PGX_CLASSES))
    parser.add_argument("--num-envs", type=int, default=2_000)
    parser.add_argument("--num-steps", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    size = arguments.num_envs * arguments.num_steps
    print(f"{size:,} steps in {arguments.num_envs:,} environments; threefry keys\n")
    print("| game | | seconds | vector is faster | compile s | vector compiles in |")
    print("| --- | --- | --- | --- | --- | --- |")
    for game in arguments.games:
        results = compare(
            game, arguments.num_envs, arguments.num_steps, arguments.repeats
        )
        vector = results["vector"]
        for name, result in results.items():
            print(
                f"| {game} | {name} | {result['run']:.3f} "
                f"| {result['run'] / vector['run']:.1f}x | {result['compile']:.2f} "
                f"| {vector['compile'] / result['compile']:.2f}x |",
                flush=True,
            )


if __name__ == "__main__":
    main()
