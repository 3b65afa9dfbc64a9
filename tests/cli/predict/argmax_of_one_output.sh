# SPDX-License-Identifier: MIT
printf '0,0\n1,1\n' >t.csv
lockstep convert t.csv -o t.h5 >/dev/null
cat >c.yaml <<'END'
data: {train: t.h5}
model: {layers: [Dense: {units: 1, input_shape: 1}]}
compile: {loss: mse}
fit: {verbose: 0}
END
lockstep train c.yaml --out run
lockstep predict run/model.h5 t.h5 --argmax
