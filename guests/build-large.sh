#!/usr/bin/env bash
# Builds the guests with an interpreter inside, of 10 to 20 MB each, to target/large/.
# Needs Python 3 with pip, and Node.js with npm.
set -euo pipefail
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")"
target=$PWD/target
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

./python-tools.sh "componentize-py==0.25.1"
# A copy, because the tool puts compiled files next to the source.
cp -r python "$scratch/python"
(
  cd "$scratch/python"
  "$target/venv/bin/componentize-py" --wit-path wit --world command componentize orders \
    --output "$scratch/python.wasm"
)

mkdir -p "$target/javascript"
cp javascript/package.json "$target/javascript/"
npm install --prefix "$target/javascript" --no-audit --no-fund --loglevel=error
# It uses no `wasi:http`, but programs that are built as they come import it, and so does
# this one.
"$target/javascript/node_modules/.bin/componentize-js" javascript/orders.js \
  --wit javascript/wit --world-name command --disable fetch-event \
  --out "$scratch/javascript.wasm"

mkdir -p "$target/large"
cp "$scratch/python.wasm" "$scratch/javascript.wasm" "$target/large/"
wc -c "$target"/large/*.wasm
