#!/usr/bin/env bash
# The quick tests in virtual environments of their own: with the oldest packages that
# pyproject.toml allows on the oldest Python, with the pinned ones on Python 3.12, and
# with the newest ones on Python 3.13. With arguments, those of these three alone:
#
#     tests/versions.sh oldest
set -euo pipefail
cd "$(dirname "$0")/.."

# pyenv puts only chosen versions on the path. Here, all of them are.
if command -v pyenv > /dev/null; then
  PYENV_VERSION=$(pyenv versions --bare | paste -sd:)
  export PYENV_VERSION
fi

run() { # NAME PYTHON, and arguments of pip
  local name=$1 python=$2 folder=.versions/$1
  shift 2
  if ! "$python" --version > /dev/null 2>&1; then
    echo "$python is not installed." >&2
    return 1
  fi
  echo "== $name: $("$python" --version)"
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --upgrade --editable ".[test]" "$@" ||
    return 1
  "$folder/bin/python" -m pip list 2> /dev/null |
    grep -iE '^(jax|jaxlib|equinox|jaxtyping|numpy|optax) '
  JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$folder/jax_cache} \
    "$folder/bin/python" -m pytest -n 2 --dist loadgroup -m quick -p no:cacheprovider
}

oldest_packages() { # Every lower bound, as a pin.
  python3.11 - << 'EOF'
import re, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
wanted = project["dependencies"] + [
    each for extra in ("agents", "plot", "render", "cli", "data") for each in extras[extra]
]
print(*(each.replace(">=", "==") for each in wanted if re.match(r"[\w-]+>=", each)))
EOF
}

failed=()
for name in "${@:-oldest pinned newest}"; do
  for each in $name; do
    case $each in
      oldest)
        pins=$(oldest_packages)
        # shellcheck disable=SC2086  # several words
        run oldest python3.11 $pins || failed+=(oldest)
        ;;
      pinned) run pinned python3.12 --constraint constraints.txt || failed+=(pinned) ;;
      newest) run newest python3.13 || failed+=(newest) ;;
      *) echo "usage: tests/versions.sh [oldest] [pinned] [newest]" >&2; exit 2 ;;
    esac
  done
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "Failed: ${failed[*]}." >&2
  exit 1
fi
