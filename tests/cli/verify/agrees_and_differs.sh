# SPDX-License-Identifier: MIT
# a run is verified; then its certificate is changed, its data, and a folder that is no run is named
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 60; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
lockstep convert t.csv -o t.h5 --labels >convert.txt
cat >t.yaml <<END
data: {train: t.h5}
model: {layers: [Dense: {units: 2, activation: softmax, input_shape: 2}]}
compile: {optimizer: Adam, loss: sparse_categorical_crossentropy}
fit: {epochs: 6, batch_size: 8, verbose: 0}
END
lockstep train t.yaml --threads 1
lockstep verify runs/t/ --threads 2
lockstep verify runs/t --from 2 --to 3 | tail -n 1
sed -i "s/\"steps\": 8/\"steps\": 9/" runs/t/certificate.json
lockstep verify runs/t || echo "exit code $?"
lockstep train t.yaml --resume never
sed 7s/1/2/ t.csv >u.csv
lockstep convert u.csv -o t.h5 --labels >convert.txt
lockstep verify runs/t || echo "exit code $?"
lockstep verify runs/t --from 9 || echo "exit code $?"
mkdir empty
lockstep verify empty || echo "exit code $?"
