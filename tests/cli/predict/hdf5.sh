# SPDX-License-Identifier: MIT
# HDF5, with outputs or classes; what cannot be is refused, and leaves nothing behind.
printf '0,0,0\n0,1,1\n1,0,1\n1,1,0\n' >t.csv
lockstep convert t.csv -o t.h5 --labels >/dev/null
cat >c.yaml <<'END'
data: {train: t.h5}
model: {layers: [Dense: {units: 2, activation: softmax, input_shape: 2}]}
compile: {loss: sparse_categorical_crossentropy}
fit: {verbose: 0}
END
lockstep train c.yaml --out run
lockstep predict run/model.h5 t.h5 --out p.h5
lockstep predict run/model.h5 t.h5 --out p.h5 --argmax
lockstep predict run/model.h5 t.h5 --out nowhere/p.h5 || echo "exit $?"
lockstep predict run/model.h5 run/model.h5 || echo "exit $?"
lockstep predict run/model.h5 t.h5 --x features || echo "exit $?"
lockstep predict run/model.h5 t.h5 --out ./t.h5 || echo "exit $?"
ls -A
