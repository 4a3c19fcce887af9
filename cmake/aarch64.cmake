# SPDX-License-Identifier: Apache-2.0
# Toolchain: 64-bit ARM by Debian's cross compiler (g++-aarch64-linux-gnu), its libraries from packages of that
# architecture (dpkg --add-architecture arm64; libfmt-dev:arm64 and so on), tests under qemu-user-static.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
