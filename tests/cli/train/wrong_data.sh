# SPDX-License-Identifier: MIT
# One message each: what does not fit, and what would.
printf '0,0,2\n0,1,1\n' >t.csv
lockstep convert t.csv -o labels.h5 --labels >/dev/null
lockstep convert t.csv -o values.h5 >/dev/null
cat >c.yaml <<'END'
data: {train: labels.h5}
model: {layers: [Dense: {units: 1, activation: sigmoid, input_shape: 2}]}
compile: {loss: binary_crossentropy}
fit: {verbose: 0}
END
try() { lockstep train c.yaml --out run "$@" || echo "exit $?" >&2; }
try
try --set data.train=values.h5
try --set data.y=targets
try --set 'model.layers[0].input_shape=[1, 2]'
try --set 'model.layers[0].units=2'
try --set compile.loss=sparse_categorical_crossentropy
try --set data.train=values.h5 --set compile.loss=sparse_categorical_crossentropy --set 'model.layers[0].units=3'
try --set data.train=c.yaml
try --resume nver --set compile.loss=mse
