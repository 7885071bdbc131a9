"""`import eqenvs` is light."""

import subprocess
import sys


def test_nothing_optional_is_imported():
    heavy = {
        "beartype", "distreqx", "gymnasium", "gymnax", "matplotlib", "optax", "PIL",
        "pooch", "tqdm", "tyro", "eqenvs.agents", "eqenvs.cli",
    }  # fmt: skip
    code = f"import eqenvs, sys; print(*sorted({heavy!r} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
