# SPDX-License-Identifier: Apache-2.0
# Thin fronts. Both install what the machine lacks, and cost nothing the second time.
.PHONY: build run check test clients setup fuzz asan tsan deb site notebooks wheel

build: setup build/release/build.ninja
	cmake --build --preset release --target lior_program

run: build
	scripts/run.sh

# The checks of the sources that need no build: seconds.
check:
	scripts/setup.sh tests
	scripts/check_tree.sh

test: build
	scripts/setup.sh tests
	cmake --preset python >build/cmake-python.log
	cmake --preset mpi >build/cmake-mpi.log
	cmake --build --preset python
	scripts/run_tests.py

# lior.torch as other packages use it (docs/clients.md). Their wheels are large: a Python of their own, build/clients-venv.
clients:
	scripts/setup.sh clients
	cmake --preset python >build/cmake-python.log
	cmake --build --preset python --target _lior
	LIOR_CLIENTS=1 build/clients-venv/bin/python -m pytest -q -p no:cacheprovider tests/python/clients

# Every reader of files, MINUTES each (1), with bytes that nobody wrote.
MINUTES = 1
fuzz:
	scripts/setup.sh fuzz
	scripts/fuzz.sh $(MINUTES)

# The notebooks of examples/python, run: build/notebooks.
notebooks:
	scripts/setup.sh notebooks
	cmake --preset python >build/cmake-python.log
	cmake --build --preset python --target lior_python
	build/notebook-venv/bin/python scripts/notebooks.py

# The documentation, build/site/index.html, notebooks and the API of the package and headers in it.
site: notebooks
	scripts/setup.sh site
	scripts/site.sh

# All C++ tests under sanitizers, addresses and undefined behaviour, and data races.
asan: setup
	cmake --preset asan-ubsan
	cmake --build --preset asan-ubsan
	ctest --preset asan-ubsan

tsan: setup
	cmake --preset tsan
	cmake --build --preset tsan
	ctest --preset tsan

# Two Debian packages in build/deb: lior and liblior-dev.
deb: build
	cpack --config build/release/CPackConfig.cmake -B build/deb

# dist/*.whl, for every CPython from 3.10 on and any Linux whose glibc is not older than its name says; and the sources.
wheel:
	scripts/setup.sh wheel
	scripts/wheel.sh
	scripts/check_wheel.sh

setup:
	scripts/setup.sh

build/release/build.ninja: CMakePresets.json | setup
	cmake --preset release
