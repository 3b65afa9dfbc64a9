#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# No sum whose order is not fixed, and no flag that lets the compiler choose one. Usage: sums.sh SOURCE_DIR
set -euo pipefail
cd "$1"
status=0

# forbid PATTERN WHY: in the code without its comments, one statement a line
forbid() {
  local file hits
  while read -r file; do
    if hits=$(code "$file" | grep -nE "$1"); then
      printf '%s: %s\n%s\n' "$file" "$2" "$hits"
      status=1
    fi
  done < <(find src include -name '*.[ch]')
}

code() { gcc -fpreprocessed -dD -E -P -x c "$1" 2>/dev/null | awk '/^#/ {print; next} {printf "%s ", $0} /[;{}]$/ {print ""}'; }

forbid 'reduction *\( *[+*-]' "an OpenMP reduction adds in any order; use math/tree.h"
forbid 'omp +atomic' "atomics add in any order"
forbid 'MPI_(FLOAT|DOUBLE|LONG_DOUBLE)[^;]*MPI_(SUM|PROD)' "MPI adds floats in its own order; use par/leaf_reduce.h or par/exchange.h"
forbid 'optimize *\(|GCC +optimize|STDC +FP_CONTRACT +ON' "floating-point flags are set once, in CMakeLists.txt"

if grep -nE 'ffast-math|Ofast|funsafe-math|fassociative-math|ffp-contract=(fast|on)|freciprocal-math|march=native' CMakeLists.txt; then
  echo "CMakeLists.txt: a flag that changes the bits"
  status=1
fi
grep -q -- '-ffp-contract=off' CMakeLists.txt || { echo "CMakeLists.txt: -ffp-contract=off is gone"; status=1; }
exit "$status"
