"""Agents that come with the library: for each, a file of facts and a file of
weights.

A trained agent is described by its algorithm. A computed one is a policy with its own
configuration.
"""

import io
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np

from .._config import from_config, to_config
from .._files import write_safely
from .checkpoint import Run, with_arrays, without_arrays
from .networks import Constants


FOLDER = pathlib.Path(__file__).parent / "pretrained"


def pretrained() -> tuple[str, ...]:
    """The ids of the environments with a trained or exact agent for
    [`eqenvs.agents.load`][]."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load_pretrained(id: str) -> Run:
    """The agent for an environment, without a learner or metrics."""
    record = json.loads((FOLDER / f"{id}.json").read_bytes())
    with np.load(FOLDER / f"{id}.npz", allow_pickle=False) as file:
        arrays = dict(file)
    env = from_config(with_arrays(record["environment"], arrays))
    if "policy" in record:
        policy = from_config(with_arrays(record["policy"], arrays))
        return Run(env, None, policy, {}, None, record)
    algorithm = from_config(with_arrays(record["algorithm"], arrays))

    def untrained() -> Any:
        return algorithm.agent(algorithm.init(env, jr.key(0)))

    def read(path: Any, like: Any) -> Any:
        if isinstance(like, Constants):
            bits = arrays[f"{jtu.keystr(path)}.bits"]
            value = bits.view(f"float{8 * bits.dtype.itemsize}")
            return Constants(jnp.asarray(value, like.dtype))
        if not isinstance(like, jax.ShapeDtypeStruct):
            return like
        return jnp.asarray(arrays[jtu.keystr(path)], like.dtype)

    agent = jtu.tree_map_with_path(
        read,
        eqx.filter_eval_shape(untrained),
        is_leaf=lambda x: isinstance(x, Constants),
    )
    return Run(env, algorithm, agent, {}, None, record)


def save_pretrained(
    id: str,
    run: Any,
    facts: Mapping[str, Any],
    folder: pathlib.Path = FOLDER,
) -> None:
    """Writes the files that `load_pretrained` reads.

    **Arguments:**

    - `id`: the id of the environment.
    - `run`: a run whose `env`, `algorithm` and `agent` have 32-bit numbers. If
        `algorithm` is `None`, `agent` has a configuration.
    - `facts`: more entries for the record, such as the agent's mean return.
    """
    arrays: dict[str, Any] = {}
    if run.algorithm is None:
        name, described = "policy", run.agent
    else:
        name, described = "algorithm", run.algorithm
        leaves = jtu.tree_leaves_with_path(eqx.filter(run.agent, eqx.is_array))
        arrays |= {jtu.keystr(path): _narrow(x) for path, x in leaves}
    record = {
        "id": id,
        "environment": without_arrays(to_config(run.env), "environment", arrays),
        name: without_arrays(to_config(described), name, arrays),
        **facts,
    }
    content = json.dumps(record, indent=1).encode() + b"\n"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    folder.mkdir(parents=True, exist_ok=True)
    write_safely(folder / f"{id}.npz", buffer.getvalue())
    write_safely(folder / f"{id}.json", content)


def _narrow(x: Any) -> np.ndarray:
    """An array of numbers in half precision, if that changes none of them."""
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        return x
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float16)
    return narrow if np.array_equal(narrow, x) else x
