#!/usr/bin/env bash
# What programs compile to for a GPU and a TPU, neither of which is needed:
#
#     bash tests/accelerators/run.sh [arguments of pytest]
#     bash tests/accelerators/run.sh --install    makes the environment, and runs no test
#
# The environment takes 3 GB.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=.accelerators
[ -x $folder/bin/python ] || "${PYTHON:-python3}" -m venv $folder
# Installed again only where something that decides it has changed.
wanted=$(cat pyproject.toml constraints.txt | sha256sum)
if [ "$(cat $folder/.installed 2> /dev/null)" != "$wanted" ]; then
  $folder/bin/python -m pip install --quiet --upgrade pip
  $folder/bin/python -m pip install --quiet --constraint constraints.txt \
    --editable ".[accelerators]"
  echo "$wanted" > $folder/.installed
fi
if [ "${1:-}" = --install ]; then
  exit
fi
# The compilers' own options, and none of other tests.
XLA_FLAGS='' TF_CPP_MIN_LOG_LEVEL=3 $folder/bin/python -m pytest -n 2 --dist loadgroup \
  -p no:cacheprovider -m accelerators -rs tests/accelerators "$@"
