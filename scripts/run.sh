#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job in two minutes: a model that tracks the states of A5, and a model that writes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lior=build/release/bin/lior
runs=build/runs
rm -rf "$runs"
mkdir -p "$runs"

echo "State tracking: products of permutations in A5, trained at lengths 2 to 512"
$lior train --data builtin:a5 --out "$runs/a5" --minutes 1
echo "length  accuracy over all positions of 64 fresh sequences"
for length in 32 128 512 2048 8192; do
  $lior eval --model "$runs/a5" --data builtin:a5 --count 64 --length $length |
    sed -E "s/.*\"accuracy\": ([^,]*),.*/$(printf '%6d' $length)  \1/"
done

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
