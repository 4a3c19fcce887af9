# SPDX-License-Identifier: Apache-2.0
"""find_package(lior COMPONENTS ...): a component needs what its parts are linked with, and nothing else."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "tests" / "app"))
import check_layers  # noqa: E402
from program import PROGRAM  # noqa: E402

BUILD = Path(PROGRAM).resolve().parents[1]
OBJECTS = BUILD / "src" / "CMakeFiles" / "lior.dir"
# What is missing where geometry alone is wanted; others are linked by path or found by pkg-config.
HIDDEN = ["Eigen3", "LibLZMA", "ZLIB", "nlohmann_json", "tomlplusplus", "zstd"]


def sources():
    """The source files of each part, by the lior_sources of src/."""
    files = {}
    for listing in sorted((ROOT / "src").glob("*/CMakeLists.txt")):
        for part, names in re.findall(r"lior_sources\((\w+)([^)]*)\)", listing.read_text()):
            for name in names.split():
                files.setdefault(part, []).append((listing.parent.name, Path(name).name))
    return files


def symbols(files):
    """The names of functions and data that these sources define, and those that they only use."""
    objects = [
        path
        for module, name in files
        for path in [OBJECTS / module / f"{name}.o"]
        if path.exists()  # HDF5's or its absence, FFTW's transforms or Eigen's
    ]
    listed = subprocess.run(["nm", *objects], capture_output=True, text=True, check=True).stdout
    defined, used = set(), set()
    for line in listed.splitlines():
        words = line.split()
        if len(words) >= 2 and not line.endswith(":"):
            (used if words[-2] in "Uwv" else defined).add(words[-1])
    return defined, used - defined


def test_no_part_calls_another_that_it_does_not_use():
    by_part = {part: symbols(files) for part, files in sources().items()}
    reached = check_layers.parts_used()
    assert by_part.keys() <= reached.keys()
    home = {}
    for part, (defined, _) in by_part.items():
        for symbol in defined:
            home.setdefault(symbol, set()).add(part)
    wrong = {
        (part, symbol, *sorted(home[symbol]))
        for part, (_, used) in by_part.items()
        for symbol in used
        if symbol in home and not home[symbol] & reached[part]
    }
    assert not wrong
    assert len(home) > 1000  # they were read


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["cmake", "--install", BUILD, "--prefix", folder, "--component", "development"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder


@pytest.fixture
def configure(prefix, tmp_path, monkeypatch):
    """Configures the consumer of these components where Highway and fmt are, and none of the others."""
    modules = tmp_path / "modules"
    modules.mkdir()
    where = ["pkg-config", "--variable=pcfiledir", "libhwy"]
    folder = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(Path(folder) / "libhwy.pc", modules)
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", str(modules))

    def run(*components, **options):
        options |= {f"CMAKE_DISABLE_FIND_PACKAGE_{name}": "ON" for name in HIDDEN}
        options |= {"CMAKE_PREFIX_PATH": prefix, "COMPONENTS": ";".join(components)}
        return subprocess.run(
            ["cmake", "-S", ROOT / "tests" / "package" / "components", "-B", tmp_path / "build"]
            + [f"-D{name}={value}" for name, value in options.items()],
            capture_output=True,
            text=True,
        )

    return run


def test_geometry_is_built_and_runs_without_the_libraries_of_others(configure, tmp_path):
    configured = configure("geometry")
    assert configured.returncode == 0, configured.stderr
    build = tmp_path / "build"
    subprocess.run(["cmake", "--build", build], stdout=subprocess.DEVNULL, check=True)
    assert subprocess.run([build / "consumer"], capture_output=True).stdout == b"geometry\n"
    loaded = subprocess.run(["ldd", build / "consumer"], capture_output=True, text=True).stdout
    names = {
        re.match(r"\s*(?:\S*/)?([\w+-]+?)(?:-linux\S*)?\.so", line)[1]
        for line in loaded.splitlines()
    }
    system = {"linux-vdso", "ld", "libc", "libm", "libstdc++", "libgcc_s"}
    assert names - system == {"libfmt", "libhwy", "libgomp"}


def test_what_is_missing_is_named(configure):
    refused = configure("train")
    assert refused.returncode != 0
    assert "ZLIB" in refused.stderr


def test_unknown_component_is_refused_with_those_that_exist(configure):
    refused = configure("geomtry")
    assert refused.returncode != 0
    message = " ".join(refused.stderr.split())
    assert "lior has no component 'geomtry' here; it has core, simd, comm" in message
    assert "geometry" in message


def test_part_of_the_library_is_configured_without_the_libraries_of_others(tmp_path):
    """LIOR_COMPONENTS: the others' packages and libraries are not even looked for."""
    where = [
        "-S",
        ROOT,
        "-B",
        tmp_path,
        "-DLIOR_COMPONENTS=geometry;core",
        "-DLIOR_BUILD_TESTS=OFF",
    ]
    hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("LibLZMA", "ZLIB", "zstd")]
    subprocess.run(["cmake", *where, *hidden], stdout=subprocess.DEVNULL, check=True)
    cache = (tmp_path / "CMakeCache.txt").read_text()
    assert "HWY_FOUND" in cache
    for library in (
        "DNNL_LIBRARY",
        "HDF5_LIBRARY",
        "PNG_LIBRARY",
        "UTF8PROC_LIBRARY",
        "FFTW_FOUND",
    ):
        assert library not in cache


def test_unknown_component_of_the_build_is_refused(tmp_path):
    refused = subprocess.run(
        ["cmake", "-S", ROOT, "-B", tmp_path, "-DLIOR_COMPONENTS=geomtry"],
        capture_output=True,
        text=True,
    )
    assert refused.returncode != 0
    assert "LIOR_COMPONENTS has 'geomtry'; expected all, or of core," in " ".join(
        refused.stderr.split()
    )
