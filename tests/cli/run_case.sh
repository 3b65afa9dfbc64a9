#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run one case of tests/cli and compare. Usage: run_case.sh LOCKSTEP CASE.sh
#
# Beside CASE.sh stand CASE.stdout and CASE.stderr (absent: nothing may be printed) and CASE.exit (absent: 0). A line
# of an expected output may hold '*' for any text: it is a shell pattern when it begins with "~ ", else literal.
set -euo pipefail
lockstep=$1
case=$2
golden=${case%.sh}
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$lockstep" "$work/bin/lockstep"
ln -s "$source_dir/configs" "$work/run/configs"

code=0
(cd "$work/run" && PATH="$work/bin:$PATH" SUPPORT="$source_dir/tests/cli" bash -eu "$case") \
  >"$work/stdout" 2>"$work/stderr" </dev/null || code=$?

if [ -n "${LS_SET_GOLDENS:-}" ]; then
  for stream in stdout stderr; do
    if [ -s "$work/$stream" ]; then cp "$work/$stream" "$golden.$stream"; else rm -f "$golden.$stream"; fi
  done
  if [ "$code" -ne 0 ]; then echo "$code" >"$golden.exit"; else rm -f "$golden.exit"; fi
  exit 0
fi

same() { # EXPECTED ACTUAL: line by line
  local want got
  while IFS= read -r want <&3 || [ -n "$want" ]; do
    IFS= read -r got <&4 || return 1
    if [[ $want == "~ "* ]]; then
      # shellcheck disable=SC2053 # the right side is a pattern
      [[ $got == ${want#\~ } ]] || return 1
    else
      [ "$got" = "$want" ] || return 1
    fi
  done 3<"$1" 4<"$2"
  [ "$(wc -l <"$1")" -eq "$(wc -l <"$2")" ]
}

bad=0
for stream in stdout stderr; do
  : >"$work/want"
  if [ -f "$golden.$stream" ]; then cp "$golden.$stream" "$work/want"; fi
  if ! same "$work/want" "$work/$stream"; then
    echo "$stream is not as expected:"
    diff "$work/want" "$work/$stream" || true
    bad=1
  fi
done
want=0
[ -f "$golden.exit" ] && want=$(cat "$golden.exit")
if [ "$code" -ne "$want" ]; then
  echo "exit code $code, expected $want"
  bad=1
fi
exit "$bad"
