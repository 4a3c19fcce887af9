#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the wheel as a user does, installs it into an environment of its own, and fails if it does
# not work there or links what it must not. Quick after a build of the tree, by ccache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=build/wheel
rm -rf $folder/new
mkdir -p $folder/new
/usr/bin/python3 -m venv $folder/new/venv
pip=("$PWD/$folder/new/venv/bin/python" -m pip -q --disable-pip-version-check)
"${pip[@]}" wheel --no-deps . -w $folder/new
"${pip[@]}" install $folder/new/lior-*.whl
du -h $folder/new/lior-*.whl

cd $folder/new # away from the sources: what is imported is what was installed
extension=$(echo venv/lib/python3*/site-packages/lior/_lior.*.so)
ldd "$extension"
if ldd "$extension" | grep -E 'not found|torch|fftw|hdf5|python'; then
  echo "check_wheel: the extension links what it must not" >&2
  exit 1
fi
exported=$(nm -D --defined-only "$extension" | awk '{ print $3 }')
if [ "$exported" != PyInit__lior ]; then
  echo "check_wheel: the extension exports more than its entry:" $exported >&2
  exit 1
fi
venv/bin/python -P - <<'END'
import sys, time
import numpy

start = time.perf_counter()
import lior

seconds = time.perf_counter() - start
root = lior.__path__[0]
assert "site-packages" in root, root
assert lior.info()["licence"] == "Apache-2.0", lior.info()
for name in ("py.typed", "_lior/__init__.pyi", "_lior/algebra.pyi"):
    open(f"{root}/{name}").close()
frames = lior.field.evolve(lior.field.packet(8, 8), steps=2).frames
assert numpy.isclose(numpy.linalg.norm(frames[-1]), 1)
assert "torch" not in sys.modules and seconds < 0.2, seconds
print(f"lior {lior.__version__}: {lior.info()['licence']}, imported in {seconds:.3f} s")
END
