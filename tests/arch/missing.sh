#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A missing dependency is named together with the Debian package that brings it. Usage: missing.sh SOURCE_DIR CMAKE
set -euo pipefail
source_dir=$1 cmake=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# expect PACKAGE COMMAND...: configuring must fail, and its message must name the package
expect() {
  local package=$1 output
  shift
  rm -rf "$work/build"
  if output=$("$@" 2>&1); then
    echo "configuring without $package succeeded"
    status=1
  elif ! tr '\n' ' ' <<<"$output" | tr -s ' ' | grep -q "apt-get install [^(]*$package"; then
    printf 'the message does not say "apt-get install ... %s":\n%s\n' "$package" "$output"
    status=1
  fi
}
configure=("$cmake" -S "$source_dir" -B "$work/build")

expect libhdf5-dev env PKG_CONFIG_LIBDIR=/nonexistent PKG_CONFIG_PATH= "${configure[@]}"
expect libopenmpi-dev "${configure[@]}" -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON
expect pkg-config "${configure[@]}" -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
expect zlib1g-dev "${configure[@]}" -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON
expect libblis-openmp-dev "${configure[@]}" -DBLIS_LIBRARY=
expect protobuf-c-compiler "${configure[@]}" -DPROTOC_C=

# One pkg-config file less at a time.
for pair in jansson:libjansson-dev libcyaml:libcyaml-dev yaml-0.1:libyaml-dev libxxhash:libxxhash-dev \
  hwloc:libhwloc-dev libzip:libzip-dev libdeflate:libdeflate-dev libprotobuf-c:libprotobuf-c-dev; do
  module=${pair%%:*}
  cat >"$work/pkg-config" <<END
#!/bin/sh
case " \$* " in *" $module "*) exit 1 ;; esac
exec pkg-config "\$@"
END
  chmod +x "$work/pkg-config"
  expect "${pair#*:}" "${configure[@]}" -DPKG_CONFIG_EXECUTABLE="$work/pkg-config"
done
exit "$status"
