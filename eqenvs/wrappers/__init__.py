from ._wrapper import AbstractWrapper as AbstractWrapper
from .sticky_action import (
    StickyAction as StickyAction,
    StickyActionState as StickyActionState,
)
