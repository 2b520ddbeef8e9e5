#!/usr/bin/env bash
# Installs tools from the Python Package Index, such as `ziglang==0.17.1`, for the builds
# in this folder: into target/venv, where those that are there already stay.
set -euo pipefail

venv=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/target/venv
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
installed=$("$venv/bin/python" -m pip freeze --disable-pip-version-check)
for tool; do
  if ! grep -qixF "$tool" <<<"$installed"; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$tool"
  fi
done
