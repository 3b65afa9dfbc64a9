# SPDX-License-Identifier: MIT
# Several files, held or streamed, measured and predicted for; none of them is replaced by the predictions.
awk 'BEGIN { for (i = 0; i < 4000; i++) { for (j = 0; j < 200; j++) printf "%d,", (i * 7919 + j * 104729) % 1000; print i % 3 } }' >t.csv
for k in 0 1 2 3; do lockstep convert t.csv -o part-$k.h5 --labels --rows $((k * 1000)):$((k * 1000 + 1000)) --scale 0.001 >/dev/null; done
cat >c.yaml <<'END'
data: {train: part-?.h5}
model: {layers: [Dense: {units: 5, activation: tanh, input_shape: 200}, Dense: {units: 3, activation: softmax}]}
compile: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {verbose: 0, epochs: 1}
END
lockstep train c.yaml --out run
for limit in 1 2 1000; do
  lockstep evaluate run/model.h5 'part-?.h5' --json --memory-limit-mib $limit >>values
  lockstep predict run/model.h5 'part-?.h5' --memory-limit-mib $limit --out p.npy
  cksum <p.npy >>sums
done
sort -u values | wc -l
sort -u sums | wc -l
cksum part-2.h5 >before
lockstep predict run/model.h5 'part-?.h5' --out ./part-2.h5 || echo "exit $?"
cksum part-2.h5 | cmp - before
lockstep evaluate run/model.h5 'part-?.h5' --memory-limit-mib 0 || echo "exit $?"
