"""The viewer: a page that plays what happened."""

from ._viewer import Viewer as Viewer
