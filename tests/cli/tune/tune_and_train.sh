# SPDX-License-Identifier: MIT
# what tune finds is used by train, changes no bit, and is ignored where it does not fit
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 80; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
lockstep convert t.csv -o t.h5 --labels
cat >t.yaml <<END
data: {train: t.h5}
model: {layers: [Input: {shape: 2}, Dense: {units: 300, activation: relu}, Dense: {units: 300}, Dense: {units: 2, activation: softmax}]}
compile: {optimizer: Adam, loss: sparse_categorical_crossentropy}
fit: {epochs: 2, batch_size: 8, verbose: 1}
callbacks: [ModelCheckpoint: {filepath: best.h5, monitor: loss}]
END
lockstep train t.yaml --out plain --verbose 0
lockstep tune t.yaml --seconds 0.02 >tuned.txt
grep -c "^one digest over [0-9]* trials: [0-9a-f]*$" tuned.txt
grep -c "DIFFERENT" tuned.txt || true
grep -c "^ranks 1: threads " t.tune
test ! -e best.h5 && test ! -e runs && echo "the trials left nothing behind"

lockstep train t.yaml --out tuned | grep "lockstep tune"
mpirun -n 2 lockstep train t.yaml --out tuned2 --tuned t.tune --verbose 0
lockstep train t.yaml --out never --tuned never | grep -c "lockstep tune" || true
lockstep diff plain/model.h5 tuned/model.h5
lockstep diff plain/model.h5 tuned2/model.h5

echo "another net, another machine, damage, a missing file:"
lockstep train t.yaml --out a --verbose 0 --set fit.batch_size=16
sed 's/^cores: .*/cores: 4096/' t.tune >other.tune
lockstep train t.yaml --out b --verbose 0 --tuned other.tune
echo "ranks many" >>t.tune
lockstep train t.yaml --out c --verbose 0
lockstep train t.yaml --out d --verbose 0 --tuned gone.tune
lockstep diff plain/model.h5 d/model.h5
OMPI_COMM_WORLD_SIZE=1 lockstep tune t.yaml
