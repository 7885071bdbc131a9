"""The viewer: a page that replays a rollout."""

from ._viewer import Viewer as Viewer
