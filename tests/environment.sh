# For scripts that run tests in virtual environments of their own.

# Makes one with this package, or installs again where what decides it has changed.
make_environment() { # FOLDER PYTHON CONSTRAINTS EXTRAS
  local folder=$1 python=$2 constraints=$3 extras=$4 wanted
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  wanted=$(cat pyproject.toml "$constraints" | sha256sum)
  if [ "$(cat "$folder/.installed" 2> /dev/null)" != "$wanted" ]; then
    "$folder/bin/python" -m pip install --quiet --upgrade pip
    "$folder/bin/python" -m pip install --quiet --constraint "$constraints" \
      --editable ".[$extras]"
    echo "$wanted" > "$folder/.installed"
  fi
}
