# SPDX-License-Identifier: MIT
# without the promise: said at the start, kept in config.yaml, and never mixed with a run that has it
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 60; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
lockstep convert t.csv -o t.h5 --labels >/dev/null
cat >t.yaml <<END
data: {train: t.h5}
model: {layers: [Dense: {units: 2, activation: softmax, input_shape: 2}]}
compile: {optimizer: SGD, loss: sparse_categorical_crossentropy}
fit: {epochs: 1, batch_size: 8}
END
lockstep train t.yaml --verbose 0 --threads 1 --set parallel.reproducible=false
grep reproducible runs/t/config.yaml
lockstep train t.yaml --verbose 0 --threads 1 --set parallel.reproducible=false --set fit.epochs=2
lockstep train t.yaml --verbose 0 --threads 1 --set fit.epochs=3 || echo "exit code: $?"
