#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files of at most 500 lines, functions of at most 80. Usage: filesize.sh SOURCE_DIR
set -euo pipefail
cd "$1"
find src include tests -name '*.[ch]' -print0 | xargs -0 awk '
  function complain(text) { print FILENAME ": " text; bad = 1 }
  FNR == 1 { if (last_lines > 500) { print last_file ": " last_lines " lines"; bad = 1 } start = 0 }
  { last_file = FILENAME; last_lines = FNR }
  # A function opens with a line at column 0 that ends in "{"; tables and types open otherwise.
  /^[A-Za-z_].*\) *\{$/ || (/^[ ].*\) *\{$/ && !start && wrapped) { if (!start) start = FNR }
  { wrapped = /^[A-Za-z_].*[,(]$/ || (wrapped && /^[ ].*,$/) }
  /^\}/ { if (start && FNR - start + 1 > 80) complain("line " start ": a function of " FNR - start + 1 " lines"); start = 0 }
  END { if (last_lines > 500) { print last_file ": " last_lines " lines"; bad = 1 } exit bad }
'
