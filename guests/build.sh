#!/usr/bin/env bash
# Builds the guests and writes the components to prebuilt/ and ../examples/components/.
# With --check, builds to a temporary folder instead and compares imports and exports.
# Those in C need Python 3 with pip, for the compiler: without it, --check leaves them out.
set -euo pipefail
export LC_ALL=C

guests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$guests/target
cd "$guests"

case "${1-}" in
  "") check=false ;;
  --check) check=true ;;
  *)
    echo "usage: build.sh [--check]" >&2
    exit 2
    ;;
esac

# committed NAME: where a component is kept. Each example has a folder, with its manifest.
committed() {
  case "$1" in
    counter) echo "../examples/components/counter/counter/component.wasm" ;;
    asker | answerer) echo "../examples/components/talk/$1/component.wasm" ;;
    file-processor) echo "../examples/components/files/file-processor/component.wasm" ;;
    denied) echo "../examples/components/denied/denied/component.wasm" ;;
    *) echo "prebuilt/$1.wasm" ;;
  esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/components"

for triple in wasm32-unknown-unknown wasm32-wasip2; do
  if [[ ! -d $(rustc --print target-libdir --target "$triple") ]]; then
    rustup target add "$triple"
  fi
done

# The dependencies must be on disk before their folders can be listed below.
cargo fetch --locked --quiet

# Panic messages carry source paths. Replace the parts that depend on this machine.
remap="--remap-path-prefix=$guests=/guests"
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  remap+=$'\x1f'"--remap-path-prefix=$sources=/deps"
done

build_wasm() {
  CARGO_ENCODED_RUSTFLAGS=$remap \
    cargo build --locked --release --target-dir "$target" --target "$1" "${@:2}"
}

# The flags above must not reach the host tool, or it is rebuilt whenever they change.
cargo build --locked --target-dir "$target" --package componentize
build_wasm wasm32-unknown-unknown --package greet --package greet-host
build_wasm wasm32-wasip2 --package wasi-command --package http-client --package http-proxy \
  --package reactor --package pair-program --package counter --package asker --package answerer \
  --package file-processor --package denied --package faulty

componentize=$target/debug/componentize
core=$target/wasm32-unknown-unknown/release
"$componentize" encode --no-imports "$core/greet.wasm" "$scratch/components/greet.wasm"
"$componentize" encode "$core/greet_host.wasm" "$scratch/components/greet-host.wasm"
# Cargo already links this target to a component.
cp "$target/wasm32-wasip2/release/wasi-command.wasm" "$scratch/components/wasi-command.wasm"
cp "$target/wasm32-wasip2/release/http-client.wasm" "$scratch/components/http-client.wasm"
cp "$target/wasm32-wasip2/release/http_proxy.wasm" "$scratch/components/http-proxy.wasm"
cp "$target/wasm32-wasip2/release/reactor.wasm" "$scratch/components/reactor.wasm"
for name in counter asker answerer file-processor denied faulty; do
  cp "$target/wasm32-wasip2/release/${name//-/_}.wasm" "$scratch/components/$name.wasm"
done

# compile_c TRIPLE SOURCE MODULE OPTION...
compile_c() {
  ZIG_GLOBAL_CACHE_DIR=$target/zig ZIG_LOCAL_CACHE_DIR=$target/zig \
    "$python" -m ziglang cc --target="$1" -Os -Wall -Wextra -Werror -s "${@:4}" -o "$3" "$2"
}

python=$target/venv/bin/python
if python3 -c 'import ensurepip, venv' 2>/dev/null; then
  ./python-tools.sh "ziglang==0.17.1"
  compile_c wasm32-wasi c-program/program.c "$scratch/c-program.wasm"
  "$componentize" adapt "$scratch/c-program.wasm" "$scratch/components/c-program.wasm"
  # No C library, and nothing that starts.
  compile_c wasm32-freestanding pair/library/calculator.c "$scratch/calculator.wasm" -Wl,--no-entry
  "$componentize" encode --world library pair/wit "$scratch/calculator.wasm" \
    "$scratch/library.wasm"
  "$componentize" plug "$target/wasm32-wasip2/release/pair-program.wasm" "$scratch/library.wasm" \
    "$scratch/components/pair.wasm"
elif $check; then
  echo "skipped: c-program and pair, whose C compiler needs python3 with venv and pip"
else
  echo "error: the guests in C need python3 with venv and pip" >&2
  exit 1
fi

if ! $check; then
  for built in "$scratch"/components/*.wasm; do
    kept=$(committed "$(basename "$built" .wasm)")
    mkdir -p "$(dirname "$kept")"
    cp "$built" "$kept"
    wc -c "$kept"
  done
  exit
fi

# The crate for guests is published with the contract in it.
packed=$(cargo package --locked --list --allow-dirty --package enginebay-guest)
if ! grep -qx 'wit/deps/core/world.wit' <<<"$packed"; then
  echo "error: the package of sdk/ lacks the contract: sdk/wit must be a link to the folder wit" >&2
  exit 1
fi

failed=false
for built in "$scratch"/components/*.wasm; do
  name=$(basename "$built" .wasm)
  kept=$(committed "$name")
  "$componentize" wit "$kept" >"$scratch/$name.kept.wit"
  "$componentize" wit "$built" >"$scratch/$name.built.wit"
  if diff -u --label "$kept" --label "built $name.wasm" \
    "$scratch/$name.kept.wit" "$scratch/$name.built.wit"; then
    echo "$name: same imports and exports"
  else
    failed=true
  fi
done
if $failed; then
  echo "error: run guests/build.sh and commit what it wrote" >&2
  exit 1
fi
