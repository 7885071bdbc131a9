#!/usr/bin/env bash
# The packages of others, each in an environment made for it, and the tests that run
# them:
#
#     bash tests/interop/run.sh [arguments of pytest]
#     bash tests/interop/run.sh --install    makes the environments, and runs no test
#
# jax-envelope needs Python 3.12, for which not every package here has a wheel.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/environment.sh

# pyenv puts only chosen versions on the path. Here, all of them are.
python312=python3.12
if command -v pyenv > /dev/null; then
  python312=$(PYENV_VERSION=$(pyenv versions --bare | paste -sd:) pyenv which python3.12 \
    2> /dev/null || echo python3.12)
fi
failed=()
only_install=false
if [ "${1:-}" = --install ]; then
  only_install=true
  shift
fi

run() { # NAME PYTHON EXTRAS, and arguments of pytest
  local name=$1 python=$2 extras=$3 folder=.interop/$1
  shift 3
  make_environment "$folder" "$python" tests/interop/constraints.txt "$extras"
  if $only_install; then
    return
  fi
  echo "== $name: $("$folder/bin/python" --version)"
  "$folder/bin/python" -m pytest -n 2 --dist loadgroup -p no:cacheprovider \
    -m interop -rs "$@" ||
    failed+=("$name")
}

run all "${PYTHON:-python3}" interop tests/interop tests/test_examples.py \
  -k "not envelope" "$@"
if "$python312" --version > /dev/null 2>&1; then
  run envelope "$python312" interop-envelope tests/interop/test_in.py -k envelope "$@"
else
  echo "SKIPPED: from_envelope, because jax-envelope needs Python 3.12, which is not" \
    "installed."
fi
if [ ${#failed[@]} -gt 0 ]; then
  echo "Failed: ${failed[*]}." >&2
  exit 1
fi
