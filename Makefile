# Thin fronts. Both install what the machine lacks, and cost nothing the second time.
.PHONY: build run test setup

build: setup build/release/build.ninja
	cmake --build --preset release --target lior_program

run: build
	scripts/run.sh

test: build
	scripts/setup.sh tests
	cmake --preset python >build/cmake-python.log
	cmake --build --preset python
	scripts/run_tests.py

setup:
	scripts/setup.sh

build/release/build.ninja: CMakePresets.json | setup
	cmake --preset release
