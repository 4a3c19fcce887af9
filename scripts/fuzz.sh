#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the libFuzzer targets of tests/fuzz and runs each for a while, from the seeds kept there.
#   scripts/fuzz.sh [MINUTES] [TARGET...]     1 minute each; all targets
# What is found, and the inputs that reached something new, stay in build/fuzz/found and
# build/fuzz/inputs. The last line sums up; exit status 1 if a target found something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:-1}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for source in tests/fuzz/*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi

mkdir -p build/fuzz/found build/fuzz/logs
cmake --preset fuzz >build/fuzz/logs/cmake
cmake --build --preset fuzz

runs=0 found=0
for target in "${targets[@]}"; do
  inputs=build/fuzz/inputs/$target log=build/fuzz/logs/$target
  mkdir -p "$inputs"
  ended=0
  # What asks for half a gigabyte has believed a size that it read. The seconds of -timeout are the clock's,
  # and the largest groups take ten of a core on their own.
  build/fuzz/bin/fuzz_"$target" -max_total_time="$((minutes * 60))" -timeout=120 -rss_limit_mb=2048 \
    -malloc_limit_mb=512 -max_len=65536 -print_final_stats=1 -artifact_prefix=build/fuzz/found/"$target"- \
    "$inputs" tests/fuzz/corpus/"$target" >"$log" 2>&1 || ended=$?
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  ((runs += ${count:-0})) || true
  if [ "$ended" = 0 ]; then
    echo "$target: ${count:-0} inputs, nothing found"
  else
    ((found += 1))
    echo "$target: ${count:-0} inputs, a finding:"
    grep -m 3 -E "ERROR|runtime error|^[a-z].*: " "$log" | head -3 || true
  fi
done
echo "$runs inputs, $found of ${#targets[@]} targets found something"
[ "$found" = 0 ]
