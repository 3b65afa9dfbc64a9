# SPDX-License-Identifier: MIT
# a timeline of two ranks and the profile; neither changes the result
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 80; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
lockstep convert t.csv -o t.h5 --labels
cat >t.yaml <<END
data: {train: t.h5}
model:
  layers:
    - Input: {shape: 2}
    - Dense: {units: 8, activation: relu, name: 'first "one"'}
    - Dense: {units: 2, activation: softmax}
compile: {optimizer: {name: Adam, learning_rate: 0.1}, loss: sparse_categorical_crossentropy}
fit: {epochs: 2, batch_size: 8, verbose: 0}
checkpoint: {every_steps: 4}
END
lockstep train t.yaml --threads 1 --out plain
mpirun -n 2 lockstep train t.yaml --threads 1 --out watched --timeline two.json --set profile.timeline_start=1 --profile |
  sed -E 's/[0-9]+\.[0-9]+/N/g; s/ +/ /g; s/rank [01]/rank R/g'
lockstep diff plain/model.h5 watched/model.h5
python3 -B "$SUPPORT/check_timeline.py" two.json 2 1 10
echo "shorter than its window:"
lockstep train t.yaml --threads 2 --out short --timeline short.json --set fit.epochs=1 --set profile.timeline_steps=4
python3 -B "$SUPPORT/check_timeline.py" short.json 1 6 4
echo "where it cannot be written:"
lockstep train t.yaml --out nowhere --timeline missing/folder.json
