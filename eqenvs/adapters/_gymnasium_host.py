"""Gymnasium environments on the host, brought to any state that a program asks for.

An environment of Gymnasium is a mutable Python object. A state of eqenvs is a value
that can be kept and stepped from twice. Here, a state is a seed and a digest of the
actions since the reset. The host knows which object is in that state; if none is, it
resets one with the seed and repeats the actions. The result of a call depends only on
its arguments, as `jax.pure_callback` requires.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np


ROOT = np.zeros(2, np.uint32)


class _Node(NamedTuple):
    """A state that was reached: the actions that led there, and the last reward."""

    episode: "_Episode"
    depth: int
    reward: float
    terminated: bool
    truncated: bool


class _Episode:
    """A seed, actions, and possibly an object that has taken the first of them."""

    def __init__(self, seed: int, actions: list[Any]):
        self.seed = seed
        self.actions = actions
        self.keys: list[bytes] = []
        self.env: Any = None
        self.position = 0
        self.observation: Any = None


class Host:
    """Objects of one kind of Gymnasium environment."""

    def __init__(
        self,
        make: Callable[[], Any],
        to_action: Callable[[Any], Any],
        from_observation: Callable[[Any], Any],
        memory: int,
    ):
        self._make = make
        self._to_action = to_action
        self._from_observation = from_observation
        self._memory = memory
        self._nodes: dict[bytes, _Node] = {}
        # In order of last use.
        self._episodes: OrderedDict[int, _Episode] = OrderedDict()
        self._idle: list[Any] = []
        self._num_objects = 0
        self._max_objects = 16
        self._lock = threading.Lock()

    def take_back(self, env: Any) -> None:
        """Takes an unused object."""
        self._idle.append(env)
        self._num_objects += 1

    # Called by the compiled program, for any number of lanes.

    def observe(self, seeds: Any, histories: Any) -> Any:
        """The observations of states."""
        lanes, shape = self._lanes(seeds, histories)
        with self._lock:
            observations = [self._observe(*lane) for lane in lanes]
        return _stack(observations, shape)

    def step(self, seeds: Any, histories: Any, actions: Any) -> Any:
        """`(histories, rewards, terminated, truncated)` of steps."""
        lanes, shape = self._lanes(seeds, histories)
        count = len(lanes)
        actions = jax.tree.map(
            lambda x: np.asarray(x).reshape(count, *np.shape(x)[len(shape) :]), actions
        )
        results = []
        with self._lock:
            for i, (seed, history) in enumerate(lanes):
                action = jax.tree.map(lambda x, i=i: x[i], actions)
                results.append(self._step(seed, history, action))
        return _stack(results, shape)

    def _lanes(self, seeds: Any, histories: Any) -> tuple[list[Any], tuple[int, ...]]:
        seeds = np.asarray(seeds)
        histories = np.asarray(histories).reshape(-1, 2)
        self._max_objects = max(self._max_objects, 2 * seeds.size + 16)
        pairs = zip(seeds.reshape(-1).tolist(), histories, strict=True)
        return list(pairs), seeds.shape

    # One lane.

    def _observe(self, seed: int, history: np.ndarray) -> Any:
        key, node = self._find(seed, history)
        return self._at(key, node).observation

    def _step(self, seed: int, history: np.ndarray, action: Any) -> Any:
        key, node = self._find(seed, history)
        digest = hashlib.blake2b(key, digest_size=8)
        for leaf in jax.tree.leaves(action):
            digest.update(np.asarray(leaf).tobytes())
        new_history = np.frombuffer(digest.digest(), np.uint32)
        new_key = _key(seed, new_history)
        new = self._nodes.get(new_key)
        if new is None:
            new = self._advance(key, node, new_key, action)
        return (
            new_history,
            np.float64(new.reward),
            np.bool_(new.terminated),
            np.bool_(new.truncated),
        )

    def _advance(self, key: bytes, node: _Node, new_key: bytes, action: Any) -> _Node:
        if node.terminated or node.truncated:
            # No steps follow the end of an episode.
            new = node._replace(reward=0.0)
            node.episode.keys.append(new_key)
        else:
            episode = self._at(key, node)
            action = self._to_action(action)
            observation, reward, terminated, truncated, _ = episode.env.step(action)
            episode.actions.append(action)
            episode.position += 1
            episode.observation = self._from_observation(observation)
            episode.keys.append(new_key)
            new = _Node(
                episode,
                episode.position,
                float(reward),
                bool(terminated),
                bool(truncated),
            )
        self._nodes[new_key] = new
        return new

    def _find(self, seed: int, history: np.ndarray) -> tuple[bytes, _Node]:
        key = _key(seed, history)
        node = self._nodes.get(key)
        if node is None:
            if history.any():
                raise ValueError(
                    "this state of a Gymnasium environment is no longer known: "
                    f"{len(self._nodes)} others followed it, or it belongs to another "
                    "process. `from_gymnasium(..., memory=...)` sets how many are kept."
                )
            episode = _Episode(seed, [])
            episode.keys.append(key)
            node = self._nodes[key] = _Node(episode, 0, 0.0, False, False)
        self._touch(node.episode)
        return key, node

    def _touch(self, episode: _Episode) -> None:
        self._episodes[id(episode)] = episode
        self._episodes.move_to_end(id(episode))
        while len(self._nodes) > self._memory and len(self._episodes) > (
            self._max_objects
        ):
            _, oldest = self._episodes.popitem(last=False)
            self._release(oldest)
            for key in oldest.keys:
                if (node := self._nodes.get(key)) and node.episode is oldest:
                    del self._nodes[key]

    def _at(self, key: bytes, node: _Node) -> _Episode:
        """An episode whose object is in the state of a node."""
        episode = node.episode
        if episode.env is not None and episode.position == node.depth:
            return episode
        if episode.env is None and len(episode.actions) == node.depth:
            self._replay(episode)
            return episode
        return self._branch(key, node)

    def _branch(self, key: bytes, node: _Node) -> _Episode:
        """A separate episode for a state that another episode has already left."""
        episode = _Episode(node.episode.seed, node.episode.actions[: node.depth])
        episode.keys.append(key)
        self._nodes[key] = node._replace(episode=episode)
        self._touch(episode)
        self._replay(episode)
        return episode

    def _replay(self, episode: _Episode) -> None:
        env = self._object()
        observation, _ = env.reset(seed=episode.seed)
        for action in episode.actions:
            observation = env.step(action)[0]
        episode.env, episode.position = env, len(episode.actions)
        episode.observation = self._from_observation(observation)

    def _object(self) -> Any:
        if not self._idle and self._num_objects >= self._max_objects:
            for episode in self._episodes.values():
                if episode.env is not None:
                    self._release(episode)
                    break
        if self._idle:
            return self._idle.pop()
        self._num_objects += 1
        return self._make()

    def _release(self, episode: _Episode) -> None:
        if episode.env is not None:
            self._idle.append(episode.env)
        episode.env = episode.observation = None


def _key(seed: int, history: np.ndarray) -> bytes:
    return seed.to_bytes(4, "little") + history.tobytes()


def _stack(trees: list[Any], shape: tuple[int, ...]) -> Any:
    return jax.tree.map(
        lambda *leaves: np.stack(leaves).reshape(shape + np.shape(leaves[0])), *trees
    )
