#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Install into a fresh prefix, and build the examples against it: with pkg-config, and with find_package.
# Usage: installed.sh CMAKE BUILD_DIR CC
set -euo pipefail
cmake=$1 build=$2 cc=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_LIBRARY_PATH

"$cmake" --install "$build" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
"$work/prefix/bin/lockstep" --help >/dev/null # finds its library

pc=$(dirname "$(find "$work/prefix" -name lockstep.pc)")
read -ra flags <<<"$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs lockstep)"
"$cc" -std=c11 -Wall -Werror "$here/02_memory_and_callbacks.c" -o "$work/by-pkg-config" "${flags[@]}" -lm "-Wl,-rpath,$pc/.."
"$work/by-pkg-config"

mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(user C)
find_package(lockstep 0.1 REQUIRED)
add_executable(program "$here/02_memory_and_callbacks.c")
target_link_libraries(program lockstep::lockstep m)
END
{
  "$cmake" -S "$work/user" -B "$work/user/build" -DCMAKE_PREFIX_PATH="$work/prefix" &&
    "$cmake" --build "$work/user/build"
} >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/user/build/program"

# From C++, whose compiler need not be there: by pkg-config, and in a project that has no C.
cxx=$(command -v "${CXX:-c++}" || true)
[ -n "$cxx" ] || exit 0
"$cxx" -std=c++11 -Wall -Wextra -Werror "$here/03_from_cpp.cpp" -o "$work/cpp-by-pkg-config" "${flags[@]}" "-Wl,-rpath,$pc/.."
"$work/cpp-by-pkg-config"
sed -i -e 's/(user C)/(user CXX)/' -e 's/02_memory_and_callbacks.c/03_from_cpp.cpp/' "$work/user/CMakeLists.txt"
rm -r "$work/user/build"
{
  "$cmake" -S "$work/user" -B "$work/user/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" &&
    "$cmake" --build "$work/user/build"
} >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/user/build/program"
