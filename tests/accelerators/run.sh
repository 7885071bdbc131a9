#!/usr/bin/env bash
# What programs compile to for a GPU and a TPU, neither of which is needed:
#
#     bash tests/accelerators/run.sh [arguments of pytest]
#     bash tests/accelerators/run.sh --install    makes the environment, and runs no test
#
# The environment takes 2 GB.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/environment.sh

folder=.accelerators
make_environment $folder "${PYTHON:-python3}" constraints.txt accelerators
if [ "${1:-}" = --install ]; then
  exit
fi
# The compilers' own options, and none of other tests.
XLA_FLAGS='' TF_CPP_MIN_LOG_LEVEL=3 $folder/bin/python -m pytest -n 2 --dist loadgroup \
  -p no:cacheprovider -m accelerators -rs tests/accelerators "$@"
