#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shell scripts are free of shellcheck's complaints, where it is installed. Usage: shellcheck.sh SOURCE_DIR
set -euo pipefail
cd "$1"
command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; exit 77; }
mapfile -t files < <(grep -rlE '^#!.*\b(ba)?sh$' scripts .ci tests)
shellcheck -x "${files[@]}"
