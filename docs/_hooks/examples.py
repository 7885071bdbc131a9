"""Shows the walk-throughs in `examples/` as pages.

`<!-- example: memory -->` becomes `examples/memory.py`: its Markdown cells as text and
its other cells as code.
"""

import pathlib
import re
from typing import Any


_EXAMPLES = pathlib.Path(__file__).parent.parent.parent / "examples"


def on_page_markdown(markdown: str, **_: Any) -> str:
    return re.sub(
        r"<!-- example: (\w+) -->",
        lambda match: as_markdown((_EXAMPLES / f"{match[1]}.py").read_text()),
        markdown,
    )


def as_markdown(script: str) -> str:
    """A script in percent format as Markdown."""
    parts = []
    for cell in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        kind, _, text = cell.partition("\n")
        if kind.strip() == "[markdown]":
            parts.append(re.sub(r"^# ?", "", text, flags=re.MULTILINE).strip())
        elif text.strip():
            parts.append(f"```python\n{text.strip()}\n```")
    return "\n\n".join(parts)
