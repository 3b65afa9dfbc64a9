#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run the first example on a small set under mpirun: it must learn, and print the same on 1, 2 and 3 ranks.
# Usage: fashion_mnist.sh MPIRUN LOCKSTEP PROGRAM
set -euo pipefail
mpirun=$1 lockstep=$2 program=$3
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 "$here/make_images.py" "$work"
for part in train test; do
  "$lockstep" convert "$work/$part-images-idx3-ubyte" "$work/$part-labels-idx1-ubyte" \
    --scale 1/255 --out "$work/$part.h5"
done

for ranks in 1 2 3; do
  # Times differ from run to run; the rest may not.
  "$mpirun" -n $ranks "$program" "$work/train.h5" "$work/test.h5" |
    sed 's/ - [0-9]*s - [0-9]*[mu]*s\/step//' >"$work/output.$ranks"
  diff "$work/output.1" "$work/output.$ranks" || { echo "1 and $ranks ranks print different numbers"; exit 1; }
done

cat "$work/output.1"
accuracy=$(sed -n 's/^test accuracy: //p' "$work/output.1")
awk -v a="$accuracy" 'BEGIN {exit !(a > 0.9 && a <= 1)}' || { echo "test accuracy $accuracy: it did not learn"; exit 1; }
