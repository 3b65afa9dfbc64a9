# SPDX-License-Identifier: MIT
# The batch size changes no digit of what is measured, and validation measures the same as evaluate.
awk 'BEGIN { for (i = 0; i < 999; i++) print i * 7919 % 1000 / 1000 "," i * 104729 % 1000 / 1000 "," i % 3 }' >t.csv
lockstep convert t.csv -o t.h5 --labels >/dev/null
cat >c.yaml <<'END'
data: {train: t.h5, validation: t.h5}
model: {layers: [Dense: {units: 5, activation: tanh, input_shape: 2}, Dense: {units: 3, activation: softmax}]}
compile: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {verbose: 0, validation_batch_size: 50}
END
lockstep train c.yaml --out run
for batch in 1 7 32 998 999 5000; do lockstep evaluate run/model.h5 t.h5 --json -b $batch; done | sort -u >values
wc -l <values
awk -F, 'NR == 2 { print $5 }' run/history.csv >loss
grep -c -F "\"loss\": $(cat loss)," values
