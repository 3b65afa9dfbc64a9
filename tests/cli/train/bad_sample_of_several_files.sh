# SPDX-License-Identifier: MIT
# A sample is named by its file and its place in there, in memory and streamed.
awk 'BEGIN { for (i = 0; i < 600; i++) { for (j = 0; j < 1000; j++) printf "%d,", (i + j) % 10; print i == 321 ? 7 : i % 3 } }' >t.csv
for k in 0 1 2; do lockstep convert t.csv -o part-$k.h5 --labels --rows $((k * 200)):$((k * 200 + 200)) >/dev/null; done
cat >c.yaml <<'END'
data: {train: part-?.h5}
model: {layers: [Dense: {units: 3, activation: softmax, input_shape: 1000}]}
compile: {loss: sparse_categorical_crossentropy}
fit: {verbose: 0}
END
for limit in 1 100; do lockstep train c.yaml --out run --set data.memory_limit_mib=$limit || echo "exit $?"; done
