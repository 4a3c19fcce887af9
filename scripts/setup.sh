#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what this Debian 12 machine lacks to build and test the project. With all in place it only
# looks: no apt, no pip.
#   scripts/setup.sh          the packages
#   scripts/setup.sh tests    the packages, Open MPI, and the tests' Python in build/venv
#   scripts/setup.sh mpi      the packages, and Open MPI, for the preset of that name
#   scripts/setup.sh clients  those of tests, and packages that use lior.torch, in build/clients-venv
#   scripts/setup.sh aarch64  a cross compiler and the libraries of 64-bit ARM, and qemu-user, for the preset of that name
#   scripts/setup.sh fuzz     the packages, and clang, which alone has libFuzzer
#   scripts/setup.sh notebooks  what `tests` does, and Jupyter's client in build/notebook-venv
#   scripts/setup.sh wheel    the packages, and the Python that makes wheels, in build/wheel-venv
#   scripts/setup.sh site     what `notebooks` does, and Doxygen, KaTeX and the site's Python in build/site-venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=(
  g++ make cmake ninja-build pkg-config ccache git clang-format python3 python3-dev python3-venv
  bzip2 zstd xz-utils # judges of what the tests read
)
libraries=(
  libdnnl-dev libhwy-dev libeigen3-dev libfftw3-dev libhdf5-dev libpng-dev libstb-dev fonts-dejavu-core
  zlib1g-dev libzstd-dev liblzma-dev libpcre2-dev
  nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libarchive-dev libbz2-dev libfmt-dev libboost-dev
  libgtest-dev
)
packages=("${tools[@]}" "${libraries[@]}")
foreign= # an architecture whose packages are wanted too
mpi_packages=(libopenmpi-dev openmpi-bin iproute2) # ip: hosts of the tests

fail() {
  echo "setup: $*" >&2
  exit 1
}

install_packages() {
  local installed native package name missing=() as_root=()
  native=$(dpkg --print-architecture)
  installed=$(dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Status}\n' "${packages[@]%:*}" \
    2>/dev/null || true)
  for package in "${packages[@]}"; do
    name=${package%:*}
    [ "$package" != "$name" ] || package+=:$native
    grep -qxF -e "$package installed" -e "$name:all installed" <<<"$installed" ||
      missing+=("${package%:$native}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  echo "setup: installing ${missing[*]}" >&2
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; } ||
      fail "cannot install as this user; run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300)
  [ -z "$foreign" ] || "${as_root[@]}" dpkg --add-architecture "$foreign"
  "${apt[@]}" update >&2 || fail "apt-get update failed; check the network and /etc/apt"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2 ||
    fail "apt-get install failed for: ${missing[*]}"
}

# The stamp identifies what the environment was made from.
install_venv() {
  local requirements=$1 venv=$2 stamp
  stamp=$({ /usr/bin/python3 --version; cat "$requirements"; } | sha256sum)
  [ "$(cat $venv/stamp 2>/dev/null)" != "$stamp" ] || return 0

  echo "setup: making $venv" >&2
  rm -rf $venv
  /usr/bin/python3 -m venv $venv
  $venv/bin/python -m pip install -q --disable-pip-version-check -r "$requirements" >&2 ||
    fail "pip could not install $requirements; check the network and pip's configuration"
  echo "$stamp" >$venv/stamp
}

case "${1-}" in
  "") install_packages ;;
  mpi)
    packages+=("${mpi_packages[@]}")
    install_packages
    ;;
  tests)
    packages+=("${mpi_packages[@]}")
    install_packages
    install_venv scripts/requirements.txt build/venv
    ;;
  clients)
    install_packages
    install_venv scripts/requirements.txt build/venv
    install_venv tests/python/clients/requirements.txt build/clients-venv
    ;;
  aarch64)
    foreign=arm64
    packages=("${tools[@]}" g++-aarch64-linux-gnu qemu-user-static libgomp1:arm64
      "${libraries[@]/%/:arm64}")
    install_packages
    ;;
  fuzz)
    packages+=(clang-14 libclang-rt-14-dev)
    install_packages
    ;;
  wheel)
    install_packages
    install_venv scripts/wheel-requirements.txt build/wheel-venv
    ;;
  notebooks)
    install_packages
    install_venv scripts/requirements.txt build/venv
    install_venv examples/python/requirements.txt build/notebook-venv
    ;;
  site)
    packages+=(doxygen libjs-katex fonts-katex)
    install_packages
    install_venv scripts/requirements.txt build/venv
    install_venv examples/python/requirements.txt build/notebook-venv
    install_venv site/requirements.txt build/site-venv
    ;;
  *) fail "unknown argument '$1'; expected nothing, 'mpi', 'tests', 'clients', 'aarch64', 'fuzz', 'notebooks', 'site' or 'wheel'" ;;
esac
