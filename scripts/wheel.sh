#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes dist/lior-VERSION.tar.gz, the sources, and of them dist/lior-VERSION-*.whl, whose name says the oldest glibc
# that it runs with. What a bare system lacks lies in the wheel, with its licences: the shared libraries, libgomp among
# them. After scripts/setup.sh wheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/build/wheel-venv/bin
work=$PWD/build/wheel-made
export PATH=$tools:$PATH
export CXX=c++ # as the tree's own builds call it: its compiled files serve, by ccache

# Of the unpacked sources, and not of this folder: what they lack shows here.
rm -rf "$work" dist
"$tools/python" -m build --no-isolation --sdist --outdir dist .
mkdir -p "$work"
tar -xzf dist/lior-*.tar.gz -C "$work"
"$tools/python" -m build --no-isolation --wheel --outdir "$work/plain" "$work"/lior-*/
"$tools/auditwheel" repair --exclude libgomp.so.1 -w "$work/repaired" "$work"/plain/lior-*.whl
"$tools/wheel" unpack -d "$work/unpacked" "$work"/repaired/lior-*.whl
folder=$(echo "$work"/unpacked/lior-*)

# libgomp keeps its name, which torch's has too: of the two the first one that is loaded serves both, so that there is
# one team of threads. An auditwheel's copy has a name of its own, and would be a second one.
cp -L "$(g++ -print-file-name=libgomp.so.1)" "$folder/lior.libs/"

# The licences of the shared libraries, which auditwheel copied from their packages, and of what the binaries hold from
# archives and headers.
licences=$(echo "$folder"/lior-*.dist-info)/licenses/libraries
mkdir -p "$licences"
linked=$(ldd "$folder"/lior/_lior.abi3.so "$folder"/lior.scripts/lior | awk '/lior\.libs/ { print $3 }' | sort -u)
for library in $linked; do
  name=$(basename "$library" | sed -E 's/-[0-9a-f]{8}\.so.*//; s/\.so.*//') # libfmt-1234abcd.so.9.1.0: libfmt
  dpkg-query -S "*/$name.so.*" | cut -d: -f1
done | sort -u >"$work/packages"
printf '%s\n' libhdf5-dev libarchive-dev libeigen3-dev libboost-dev libcli11-dev nlohmann-json3-dev \
  libtomlplusplus-dev libstb-dev fonts-dejavu-core >>"$work/packages"
while read -r package; do cp -L "/usr/share/doc/$package/copyright" "$licences/$package"; done <"$work/packages"
cp "$("$tools/python" -c 'import importlib.metadata as m
print(next(f.locate() for f in m.files("nanobind") if f.name == "LICENSE"))')" "$licences/nanobind"

"$tools/wheel" pack -d dist "$folder"
ls -l dist
