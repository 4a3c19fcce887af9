#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs dist/*.whl, which scripts/wheel.sh made, into an environment of its own, as a user does, and fails if
# something does not work there, or links what it must not.
#   scripts/check_wheel.sh [PYTHON...]   and into one of each further Python, such as python3.13
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() {
  echo "check_wheel: $*" >&2
  exit 1
}

root=$PWD
folder=build/wheel-checked
rm -rf $folder
install_for() { # PYTHON ENVIRONMENT
  "$1" -m venv "$folder/$2"
  "$folder/$2/bin/python" -m pip -q --disable-pip-version-check install dist/lior-*.whl
}
install_for /usr/bin/python3 venv
others=("$@")
for i in "${!others[@]}"; do install_for "${others[$i]}" "venv-$i"; done
ls -sh dist/lior-*.whl

cd $folder # away from the sources: what is imported is what was installed
packages=$(echo "$PWD"/venv/lib/python3*/site-packages)
extension=$packages/lior/_lior.abi3.so
for file in "$extension" "$packages/lior.scripts/lior"; do
  libraries=$(ldd "$file")
  if grep 'not found' <<<"$libraries" || awk '{ print $1 }' <<<"$libraries" | grep -E 'torch|fftw|hdf5|python|curl|krb5'; then
    fail "$file links what it must not"
  fi
  # What is not the C and C++ runtime's or zlib, which every system has, comes with the wheel.
  if others=$(grep '=> /' <<<"$libraries" | grep -Ev 'lior\.libs|lib(c|m|stdc\+\+|gcc_s|z|dl|pthread)\.so'); then
    fail "$file takes libraries of this system: $others"
  fi
done
exported=$(nm -D --defined-only "$extension" | awk '{ print $3 }')
[ "$exported" = PyInit__lior ] || fail "the extension exports more than its entry:" $exported
for licence in libdnnl2 libgomp1 libfmt9 libhdf5-dev libeigen3-dev libtomlplusplus-dev nanobind; do
  [ -s "$packages"/lior-*.dist-info/licenses/libraries/$licence ] || fail "no licence of $licence"
done

venv/bin/lior info | grep -E '^licence +Apache-2.0$'
for number in {1..200}; do echo "Line $number of a book that is not long."; done >book.txt
venv/bin/lior train --data book.txt --steps 2 --out run 2>train.log || fail "lior train: $(cat train.log)"
for environment in venv*; do
  $environment/bin/python -I - <<'END' || fail "$($environment/bin/python --version): the package does not work"
import sys, time
import numpy

start = time.process_time()
import lior

seconds = time.process_time() - start
root = lior.__path__[0]
assert "site-packages" in root, root
assert lior.info()["licence"] == "Apache-2.0", lior.info()
for name in ("py.typed", "_lior/__init__.pyi", "_lior/algebra.pyi"):
    open(f"{root}/{name}").close()
frames = lior.field.evolve(lior.field.packet(8, 8), steps=2).frames
assert numpy.isclose(numpy.linalg.norm(frames[-1]), numpy.linalg.norm(frames[0]))
assert len("".join(lior.load("run").generate("Line ", max_tokens=5))) > 0
assert "torch" not in sys.modules and seconds < 0.2, seconds
versions = f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}"
print(f"lior {lior.__version__}, {versions}: {lior.info()['licence']}, imported in {seconds:.3f} s of CPU")
END
done

# One libgomp beside torch, where the tests' Python has it, whichever is imported first.
if "$root/build/venv/bin/python" -c 'import torch' 2>/dev/null; then
  for first in "lior, torch" "torch, lior"; do
    PYTHONPATH=$packages "$root/build/venv/bin/python" -P - <<END
import $first
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}
assert len(loaded) == 1 and "site-packages" in lior.__path__[0], loaded
print("import $first:", *loaded)
END
  done
else
  echo "check_wheel: no torch in build/venv; one libgomp for both was not checked"
fi
