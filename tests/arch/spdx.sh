#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every source file names its licence near the top. Usage: spdx.sh SOURCE_DIR
set -euo pipefail
cd "$1"
status=0
while IFS= read -r -d '' file; do
  case $file in
    *.c | *.h | *.sh | *.py | *.cmake | *.in | */CMakeLists.txt) ;;
    *) [ "$(head -c 2 "$file" | tr -d '\0')" = '#!' ] || continue ;;
  esac
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
    echo "$file: no SPDX-License-Identifier: MIT in its first three lines"
    status=1
  }
done < <(find ./CMakeLists.txt .ci src include scripts tests -type f \
  -not -path '*/__pycache__/*' -not -path '*/corpus/*' -not -path '*/golden/*' -print0)
exit "$status"
