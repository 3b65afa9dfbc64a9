#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# No sum whose order is not fixed, and no flag that lets the compiler choose one. Usage: sums.sh SOURCE_DIR
set -euo pipefail
cd "$1"
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The code without its comments, one statement a line, each line behind the file's name.
find src include -name '*.[ch]' | while read -r file; do
  gcc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null |
    awk -v name="$file" '/^#/ {print name ": " $0; next} {s = s " " $0} /[;{}]$/ {print name ":" s; s = ""}'
done >"$work/code"
[ "$(wc -l <"$work/code")" -gt 100 ] || { echo "found too little code to believe"; exit 1; }

# forbid PATTERN WHY
forbid() {
  if grep -E "$1" "$work/code"; then
    echo "^^^ $2"
    status=1
  fi
}
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
