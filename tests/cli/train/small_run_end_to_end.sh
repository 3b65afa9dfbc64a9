# SPDX-License-Identifier: MIT
# a table of two classes: convert, train, look, measure, predict, compare
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 60; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
lockstep convert t.csv -o t.h5 --labels
cat >t.yaml <<END
data: {train: t.h5, test: t.h5}
model:
  layers:
    - Normalization: {input_shape: 2}
    - Dense: {units: 2, activation: softmax}
compile: {optimizer: {name: Adam, learning_rate: 0.1}, loss: sparse_categorical_crossentropy, metrics: accuracy}
fit: {epochs: 20, batch_size: 8}
END
lockstep train t.yaml --verbose 0 --threads 1
ls runs/t
lockstep train t.yaml --verbose 0 --threads 2 --out runs/two
lockstep diff runs/t/model.h5 runs/two/model.h5
lockstep evaluate runs/t/model.h5 t.h5
lockstep predict runs/t/model.h5 t.h5 --argmax --out p.csv
head -n 7 p.csv
lockstep predict runs/t/model.h5 t.h5 --out p.npy
wc -c <p.npy
lockstep train t.yaml --verbose 0 --set fit.seed=1 --out runs/three
code=0
lockstep diff runs/t/model.h5 runs/three/model.h5 >diff.txt || code=$?
echo "exit code of diff: $code"
