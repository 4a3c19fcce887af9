#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job in a minute and a half: a model that tracks the states of A5 without error, and a model that writes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lior=build/release/bin/lior
runs=build/runs
rm -rf "$runs"
mkdir -p "$runs"

echo "State tracking: products of permutations in A5, trained until the model can be made exact"
$lior train --data builtin:a5 --out "$runs/a5" --steps 4000
echo "length  wrong positions of 4 fresh sequences"
$lior eval --model "$runs/a5" --data builtin:a5 --count 4 --lengths 32,1024,32768,1048576 |
  sed -E 's/.*"length": ([^,]*),.*"wrong": ([^,]*),.*/\1  \2/'

echo
echo "Text: the licences of this system, a minute of training"
cat /usr/share/common-licenses/* >"$runs/licences.txt"
$lior train --data "$runs/licences.txt" --out "$runs/text" --minutes 1
$lior eval --model "$runs/text" --data "$runs/licences.txt" |
  sed -E 's/.*"bits_per_byte": ([^,]*),.*/held-out tail: \1 bits per byte/'
prompt="The licensee may "
printf '%s' "$prompt"
$lior generate --model "$runs/text" --prompt "$prompt" --max-tokens 300
echo
