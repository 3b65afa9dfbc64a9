# SPDX-License-Identifier: MIT
# the mark of a finished run: written last, gone while training goes on, ignored when it is another run's
printf '0,0\n1,1\n2,3\n' >t.csv
cat >c.yaml <<'END'
data: {train: t.h5}
model: {layers: [Dense: {units: 1, input_shape: 1}]}
compile: {loss: mse}
fit: {epochs: 2, batch_size: 2}
END
lockstep convert t.csv -o t.h5 >/dev/null
train() { lockstep train c.yaml --out r --threads 1 "$@" | grep -E 'complete|digest' || true; }
train >first
grep -q "^digest: $(awk '{ print $2 }' first)$" r/done
grep -E '^(epochs|steps|ended)' r/done
echo "once more:"
train | cut -d' ' -f2-8
echo "no epoch too many:"
train --set fit.epochs=1 | cut -d' ' -f2-8
echo "more epochs, stopped on the way:"
lockstep train c.yaml --out r --threads 1 --set fit.epochs=1000000000 --time-limit 2 >/dev/null || echo "exit $?"
test ! -e r/done || echo "the mark is still there"
rm -r r
echo "without checkpoints:"
train --set checkpoint.every_epochs=0 >second
cmp first second
rmdir r/checkpoints 2>/dev/null || true
train --set checkpoint.every_epochs=0 | tee third | grep complete
grep -c digest third
echo "a mark that says more than it did is none:"
sed -i 's/^epochs: 2/epochs: 9/' r/done
train --set checkpoint.every_epochs=0 >fourth
cmp first fourth
echo "another config trains anew:"
train --set checkpoint.every_epochs=0 --set fit.seed=1 | grep -c complete || true
echo "a model that is not the one:"
lockstep train c.yaml --out s --threads 1 --verbose 0
cp s/model.h5 r/model.h5
train --set checkpoint.every_epochs=0 --set fit.seed=1
