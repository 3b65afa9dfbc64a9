# SPDX-License-Identifier: MIT
# a run, its checkpoint as .keras, training on from there, and back: no bit changes on the way
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 60; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
lockstep convert t.csv -o t.h5 --labels >/dev/null
cat >t.yaml <<END
data: {train: t.h5}
model:
  layers:
    - Normalization: {input_shape: 2}
    - Dense: {units: 3, activation: tanh}
    - BatchNormalization
    - Dense: {units: 2, activation: softmax}
compile: {optimizer: {name: Adam, learning_rate: 0.1}, loss: sparse_categorical_crossentropy, metrics: accuracy}
fit: {epochs: 2, batch_size: 8, shuffle: false}
callbacks:
  - ModelCheckpoint: {filepath: 'epoch{epoch:02d}.keras'}
  - ModelCheckpoint: {filepath: last.weights.h5, save_weights_only: true}
END
lockstep train t.yaml --verbose 0 --threads 1
ls runs/t
lockstep export runs/t/checkpoints/ckpt-000000000016.h5 a.keras
lockstep diff a.keras runs/t/model.h5
cmp a.keras runs/t/epoch02.keras
lockstep export a.keras b.keras
cmp a.keras b.keras
lockstep export a.keras b.weights.h5
cmp b.weights.h5 runs/t/last.weights.h5
lockstep export a.keras b.h5
lockstep diff b.h5 a.keras
lockstep export b.h5 c.keras
lockstep inspect a.keras | grep -E "^(kind|model|optimizer|holds)"
lockstep evaluate a.keras t.h5 >both.txt
lockstep evaluate runs/t/model.h5 t.h5 | cmp - both.txt
# four epochs in one go, and two from the .keras file of the first two
lockstep train t.yaml --verbose 0 --threads 1 --set fit.epochs=4 --out runs/four
cat >on.yaml <<END
data: {train: t.h5}
model: {from: runs/t/epoch02.keras}
fit: {epochs: 2, batch_size: 8, shuffle: false}
END
lockstep train on.yaml --verbose 0 --threads 2
lockstep diff runs/on/model.h5 runs/four/model.h5
# the same from weights
sed 's/^model:/model:\n  weights: b.weights.h5/' t.yaml >weights.yaml
lockstep train weights.yaml --verbose 0 --threads 1
lockstep diff runs/weights/model.h5 runs/four/model.h5
