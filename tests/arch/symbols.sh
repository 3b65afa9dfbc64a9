#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library exports what its headers declare with LS_API, and nothing else.
# Usage: symbols.sh SOURCE_DIR LIBRARY
set -euo pipefail

declared=$(cat "$1"/include/lockstep/*.h | tr '\n' ' ' | grep -oE 'LS_API[^;(]*\(' | grep -oE 'ls_[a-z0-9_]+ *\($' |
  tr -d ' (' | sort -u)
# The sanitizers add symbols of their own.
exported=$(nm -D --defined-only "$2" | awk '$2 ~ /^[A-Z]$/ {print $3}' | sed 's/@.*//' | grep -v '^__' | sort -u)

status=0
if extra=$(comm -13 <(echo "$declared") <(echo "$exported") | grep .); then
  printf 'exported, but in no public header:\n%s\n' "$extra"
  status=1
fi
if missing=$(comm -23 <(echo "$declared") <(echo "$exported") | grep .); then
  printf 'declared with LS_API, but not in the library:\n%s\n' "$missing"
  status=1
fi
[ "$(echo "$declared" | wc -l)" -ge 20 ] || { echo "found too few declarations to believe"; status=1; }
exit "$status"
