#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Bad input, as users bring it, to two ranks: each case ends soon, with a non-zero exit code and exactly one error line
# that says what is wrong, and leaves no half-written file. Usage: hostile.sh MPIRUN LOCKSTEP
set -euo pipefail
mpirun=$1 lockstep=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# npy FILE DESCR SHAPE PYTHON_EXPRESSION: a NumPy file; the expression gives the list of values
npy() {
  python3 - "$@" <<'END'
import struct, sys
path, descr, shape, values = sys.argv[1:5]
header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
header += " " * (-(len(header) + 11) % 64) + "\n"
code = {"<f4": "f", "<i8": "q"}[descr]
values = eval(values)
with open(path, "wb") as out:
    out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    out.write(struct.pack("<%d%s" % (len(values), code), *values))
END
}

# data NAME: NAME-x.npy and NAME-y.npy to NAME.h5
data() { "$lockstep" convert "$1-x.npy" "${2:-$1}-y.npy" --out "$1.h5" >/dev/null; }

npy good-x.npy '<f4' '(40, 4)' '[(i * 7 % 13) / 13 for i in range(160)]'
npy good-y.npy '<i8' '(40,)' '[i % 3 for i in range(40)]'
npy nan-x.npy '<f4' '(40, 4)' '[float("nan") if i == 99 else i / 160 for i in range(160)]'
npy wide-x.npy '<f4' '(40, 5)' '[i / 200 for i in range(200)]'
npy label-y.npy '<i8' '(40,)' '[i % 3 if i != 17 else 3 for i in range(40)]'
npy minus-y.npy '<i8' '(40,)' '[i % 3 if i != 17 else -1 for i in range(40)]'
npy pair-y.npy '<f4' '(40, 2)' '[i / 80 for i in range(80)]'
npy empty-x.npy '<f4' '(0, 4)' '[]'
npy empty-y.npy '<i8' '(0,)' '[]'
data good
data nan good
data wide good
cp good-x.npy label-x.npy
data label
cp good-x.npy minus-x.npy
data minus
cp good-x.npy pair-x.npy
data pair
head -c 900 good.h5 >cut.h5
echo "this is text" >text.h5
: >nothing.h5

cat >good.yaml <<'END'
data: {train: good.h5}
model:
  layers:
    - Input: {shape: [4]}
    - Dense: {units: 3, activation: softmax}
compile: {optimizer: sgd, loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {epochs: 2, batch_size: 8, verbose: 0}
END
change() { sed "$1" good.yaml >"$2"; }
change 's/epochs: 2/epochs: [2/' syntax.yaml
change 's/epochs/epoch/' key.yaml
change 's/epochs: 2/epochs: many/' type.yaml
change 's/epochs: 2/epochs: 0/' range.yaml
change 's/units: 3/units: -3/' units.yaml
change 's/Dense/Dens/' layer.yaml
change 's/softmax/sofmax/' activation.yaml
change 's/sgd/"SGD(lr=0.1)"/' argument.yaml
change 's/sparse_categorical_crossentropy/sparse_crossentropy/' loss.yaml
change '/^model/,/units/d' modelless.yaml

# refused NAME PATTERN ARGUMENTS...
refused() {
  local name=$1 pattern=$2 code=0
  shift 2
  rm -rf out
  timeout 120 "$mpirun" -n 2 "$lockstep" "$@" >stdout 2>stderr || code=$?
  local lines
  lines=$(cat stdout stderr | grep -c '^lockstep: error' || true)
  if [ "$code" -eq 0 ] || [ "$code" -ge 124 ]; then
    complain "exit code $code"
  elif [ "$lines" -ne 1 ]; then
    complain "$lines error lines"
  elif ! grep '^lockstep: error' stderr | grep -Eqi -e "$pattern"; then
    complain "the message does not say: $pattern"
  elif [ -d out ] && find out -type f -not -name config.yaml -not -name .lock | grep .; then
    complain "files were left in the run folder"
  else
    printf 'ok    %-28s %s\n' "$name" "$(grep -h '^lockstep: error' stderr)"
  fi
}
complain() {
  printf 'FAIL  %s: %s\n' "$name" "$1"
  cat stdout stderr
  failed=$((failed + 1))
}
train() { refused "$1" "$2" train "$3" --out out "${@:4}"; }

# the command line
refused "no such verb" "trian.*train" trian good.yaml
refused "no such flag" "--outt" train good.yaml --outt out
refused "no config" "absent.yaml" train absent.yaml --out out
train "no such key in --set" "fit.epoch\b" good.yaml --set fit.epoch=3
train "--set without a value" "fit.epochs" good.yaml --set fit.epochs
train "run folder below a file" "good.h5" good.yaml --out good.h5/run

# the config
train "YAML syntax" "syntax.yaml:[0-9]+" syntax.yaml
train "unknown key" "key.yaml:7.*epoch" key.yaml
train "wrong type" "type.yaml:7.*epochs.*many" type.yaml
train "out of range" "range.yaml:7.*epochs" range.yaml
train "negative units" "units.yaml:5.*units" units.yaml
train "unknown layer" "layer.yaml:5.*Dens" layer.yaml
train "unknown activation" "activation.yaml:5.*sofmax" activation.yaml
train "unknown argument" "argument.yaml:6.*lr" argument.yaml
train "unknown loss" "loss.yaml:6.*sparse_crossentropy" loss.yaml
train "no model" "modelless.yaml.*model" modelless.yaml

# the data
train "missing data file" "absent.h5" good.yaml --set data.train=absent.h5
train "a folder as data" "folder" good.yaml --set data.train=.
train "not HDF5" "text.h5" good.yaml --set data.train=text.h5
train "empty file" "nothing.h5" good.yaml --set data.train=nothing.h5
train "truncated HDF5" "cut.h5" good.yaml --set data.train=cut.h5
train "no such array" "pixels" good.yaml --set data.x=pixels
train "wrong shape" "5" good.yaml --set data.train=wide.h5
train "validation of another shape" "5" good.yaml --set data.validation=wide.h5
train "NaN in the data" "nan|finite" good.yaml --set data.train=nan.h5
train "label too large" "3" good.yaml --set data.train=label.h5
train "label below zero" "-1" good.yaml --set data.train=minus.h5
train "targets that do not fit" "sparse_categorical_crossentropy|target" good.yaml --set data.train=pair.h5
refused "no rows" "0|empty|no " convert empty-x.npy empty-y.npy --out empty.h5

# models and checkpoints
"$lockstep" train good.yaml --out trained >/dev/null
checkpoint=$(find trained/checkpoints -name 'ckpt-*.h5' | sort | tail -n 1)
head -c 2000 "$checkpoint" >broken.h5
refused "a data set as model" "good.h5" evaluate good.h5 good.h5
refused "a model cut short" "broken.h5" evaluate broken.h5 good.h5
refused "data of another shape" "5" evaluate trained/model.h5 wide.h5
refused "no such model" "absent.h5" evaluate absent.h5 good.h5
train "a broken checkpoint" "broken.h5" good.yaml --resume broken.h5
train "a checkpoint of another model" "ckpt|checkpoint" good.yaml --resume "$PWD/$checkpoint" --set 'model.layers[1].Dense.units=4'
train "a checkpoint of other data" "data" good.yaml --resume "$PWD/$checkpoint" --set data.train=label.h5

[ "$failed" -eq 0 ] || { echo "$failed cases failed"; exit 1; }
