#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The top folder stays short, and what a build or a run leaves behind is not committed. Usage: toplevel.sh SOURCE_DIR
set -euo pipefail
cd "$1"
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || exit 77 # a tarball: nothing to look at
if extra=$(git ls-files | cut -d/ -f1 | sort -u |
  grep -vE '^(\.[a-z-]+|src|include|configs|scripts|tests|CMakeLists\.txt|README\.md)$'); then
  printf 'does not belong in the top folder:\n%s\n' "$extra"
  exit 1
fi
if built=$(git ls-files | grep -v '^tests/fuzz/corpus/' | grep -E '\.(o|a|so|pyc|h5|keras)$|(^|/)(CMakeCache\.txt|__pycache__)'); then
  printf 'made by a build or a run:\n%s\n' "$built"
  exit 1
fi
for script in scripts/quickstart scripts/test .ci/run; do
  [ -x "$script" ] || { echo "$script is missing or not executable"; exit 1; }
done
