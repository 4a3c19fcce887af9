# SPDX-License-Identifier: Apache-2.0
"""The recipes of packaging/ name the version, the components and the libraries that the tree does."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_layers  # noqa: E402

# A library's packages in conda-forge and vcpkg, by the one of Debian that scripts/setup.sh installs.
NAMES = {
    "libdnnl-dev": ("onednn", "onednn"),
    "libeigen3-dev": ("eigen", "eigen3"),
    "libfmt-dev": ("fmt", "fmt"),
    "libhdf5-dev": ("hdf5", "hdf5"),
    "libhwy-dev": ("libhwy", "highway"),
    "liblzma-dev": ("liblzma-devel", "liblzma"),
    "libpcre2-dev": ("pcre2", "pcre2"),
    "libpng-dev": ("libpng", "libpng"),
    "libtomlplusplus-dev": ("tomlplusplus", "tomlplusplus"),
    "libzstd-dev": ("zstd", "zstd"),
    "nlohmann-json3-dev": ("nlohmann_json", "nlohmann-json"),
    "zlib1g-dev": ("zlib", "zlib"),
}
# Not of the recipes' library: the transforms that are GPL's, what the program and the tests need.
FFTW = "libfftw3-dev"
PROGRAM = {
    "fonts-dejavu-core",
    "libarchive-dev",
    "libboost-dev",
    "libbz2-dev",
    "libcli11-dev",
    "libgtest-dev",
    "libstb-dev",
}
VERSION = (ROOT / "VERSION").read_text().strip()
PORT = json.loads((ROOT / "packaging/vcpkg/lior/vcpkg.json").read_text())


def debian_libraries():
    packages = re.search(
        r"^libraries=\($(.*?)^\)", (ROOT / "scripts/setup.sh").read_text(), re.M | re.S
    )
    return set(packages[1].split())


def wanted(column):
    return {names[column] for names in NAMES.values()}


def test_each_library_of_the_tree_has_a_name_in_the_recipes():
    assert debian_libraries() == NAMES.keys() | PROGRAM | {FFTW}


def test_conda_names_the_version_and_the_libraries():
    recipe = (ROOT / "packaging/conda/recipe.yaml").read_text()
    assert f"\n  version: {VERSION}\n" in recipe
    host = re.search(r"^  host:.*\n((?:    - .*\n)*)", recipe, re.M)[1]
    assert set(re.findall(r"- (\S+)", host)) == wanted(0)


def ports(dependencies):
    """The names of ports, and the features of our own, in a list of vcpkg.json."""
    others, own = set(), set()
    for entry in dependencies:
        name = entry if isinstance(entry, str) else entry["name"]
        if name == "lior":
            own |= set(entry["features"])
        elif isinstance(entry, str) or not entry.get("host"):
            others.add(name)
    return others, own


def test_vcpkg_names_the_version_and_the_libraries():
    assert PORT["version-semver"] == VERSION
    lists = [PORT["dependencies"], *(f["dependencies"] for f in PORT["features"].values())]
    assert set().union(*(ports(entries)[0] for entries in lists)) == wanted(1)


def test_features_of_vcpkg_are_components_with_what_they_use():
    uses = check_layers.parts_used()
    features = PORT["features"].keys()
    for name, feature in PORT["features"].items():
        own = ports(feature["dependencies"])[1]
        reached = {name}.union(*(uses[other] for other in own))
        assert uses[name] & features <= reached, name
    default = set().union(*(uses[name] for name in PORT["default-features"]))
    assert features <= default


def test_the_debian_package_depends_on_libraries_that_the_tree_is_built_with():
    listed = re.search(
        r'DEVELOPMENT_PACKAGE_DEPENDS\s+"([^"]*)"', (ROOT / "cmake/deb.cmake").read_text()
    )
    depends = set(listed[1].split(", "))
    tools = {"g++", "pkg-config"}
    assert depends - tools <= debian_libraries()
    # What is headers alone is compiled into the library.
    headers = {"libeigen3-dev", "nlohmann-json3-dev", "libtomlplusplus-dev"}
    assert NAMES.keys() - headers | {FFTW} == depends - tools
