"""The `eqenvs` command: `pip install "eqenvs[cli]"`."""

import os
import sys


# The packages of the extra `cli`, by their import names.
_PACKAGES = ("matplotlib", "optax", "tqdm", "tyro")


def main() -> None:
    """Runs the command line."""
    try:
        _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # `eqenvs list | head -1` stops reading early. Python flushes the output again
        # at exit, which must not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _PACKAGES:
            sys.exit(
                f"eqenvs: the command needs the package {package}, which is not "
                'installed: pip install "eqenvs[cli]"'
            )
        if "pip install" in str(error):  # One of eqenvs, which says what to do.
            sys.exit(f"eqenvs: {error}")
        raise
    except KeyboardInterrupt:
        print("eqenvs: interrupted.", file=sys.stderr)
        sys.exit(130)
    except (ValueError, TypeError, OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            message = f"{error.filename}: {error.strerror}"
        else:
            message = " ".join(str(error).split())
        sys.exit(f"eqenvs: {message}")


def _run() -> None:
    if sys.argv[1:] == ["--version"]:
        from .. import __version__

        print(f"eqenvs {__version__}")
        return

    import tyro

    from ._arguments import gather_assignments
    from .bench import Bench
    from .bsuite import Bsuite
    from .check import Check
    from .evaluate import Evaluate
    from .info import Info
    from .list import List
    from .play import Play
    from .train import Train

    arguments = sys.argv[1:]
    if arguments[:1] == ["train"]:
        arguments = gather_assignments(arguments)
    tyro.cli(
        List | Info | Check | Train | Evaluate | Play | Bench | Bsuite,  # pyright: ignore
        args=arguments,
        prog="eqenvs",
        description="Reinforcement-learning environments for JAX. "
        "`eqenvs --version` shows the installed version.",
    ).run()
