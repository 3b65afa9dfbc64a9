#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The folder law of src/README.md, read from the #include lines. Usage: includes.sh SOURCE_DIR
set -euo pipefail
cd "$1"

# folder: the folders it may include besides itself
declare -A may=(
  [base]=""
  [math]="base"
  [nn]="base math"
  [optim]="base math nn"
  [par]="base math"
  [store]="base"
  [data]="base math store par"
  [ckpt]="base math nn optim store par"
  [train]="base math nn optim par store data ckpt"
  [config]="base par"
)
# system header: the folders that may include it
declare -A only=(
  [blis.h]="math"
  [mpi.h]="par ckpt train"
  [hdf5.h]="store data ckpt"
  [jansson.h]="ckpt"
  [onnx.pb-c.h]="ckpt"
  [yaml.h]="config"
  [cyaml/cyaml.h]="config"
  [xxhash.h]="base"
  [hwloc.h]="par"
  [zip.h]="ckpt"
  [zlib.h]="data"
  [libdeflate.h]="store"
)
# public headers the arithmetic may see: those that bring neither MPI nor a context
plain_headers="status.h limits.h export.h"

bad=0
complain() {
  echo "$1:$2: $3"
  bad=1
}
has() { [[ " $1 " == *" $2 "* ]]; }

check_quoted() { # file line folder header
  local target=${4%%/*}
  if [ "$3" = cli ]; then
    [ -f "src/cli/$4" ] || complain "$1" "$2" "the command includes \"$4\", which is not its own"
  elif [ ! -f "src/$4" ]; then
    complain "$1" "$2" "write the path from src/: \"$4\" is not there"
  elif [ "$target" != "$3" ] && ! has "${may[$3]}" "$target"; then
    complain "$1" "$2" "$3 may not include $target (\"$4\"); allowed: ${may[$3]:-nothing}"
  fi
}

check_angled() { # file line folder header
  if [[ $4 == lockstep/* ]]; then
    if has "base math nn optim store" "$3" && ! has "$plain_headers" "${4#lockstep/}"; then
      complain "$1" "$2" "$3 is built without MPI and may not include <$4>"
    fi
  elif [ -n "${only[$4]:-}" ] && ! has "${only[$4]}" "$3"; then
    complain "$1" "$2" "<$4> belongs to: ${only[$4]}"
  fi
}

while IFS=: read -r file line text; do
  folder=${file#src/}
  folder=${folder%%/*}
  if [ "$folder" != cli ] && [ -z "${may[$folder]+known}" ]; then
    complain "$file" "$line" "the law knows no folder $folder"
  elif [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\"([^\"]+)\" ]]; then
    check_quoted "$file" "$line" "$folder" "${BASH_REMATCH[1]}"
  elif [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\<([^\>]+)\> ]]; then
    check_angled "$file" "$line" "$folder" "${BASH_REMATCH[1]}"
  fi
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' src --include='*.[ch]')

# The public headers stand alone: they include each other and the system only.
if grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' include/lockstep/*.h; then
  echo "public headers may not include internal ones"
  bad=1
fi
exit "$bad"
