# SPDX-License-Identifier: MIT
# CSVLogger's append: what was there stays, once, also when the run goes on; and no callback writes over the run's files.
for i in 1 2 3 4; do echo "$i,$((5 - i)),$i"; done >x.csv
lockstep convert x.csv --out x.h5 >/dev/null
cat >my.yaml <<'END'
data: {train: x.h5}
model:
  layers:
    - Dense: {units: 1, input_shape: [2]}
compile: {loss: mse}
fit: {verbose: 0}
callbacks:
  - CSVLogger: {filename: log.csv, append: true}
END
lockstep train my.yaml
lockstep train my.yaml --resume never
lockstep train my.yaml --set fit.epochs=3
cut -d, -f1 runs/my/log.csv | tr -d '\r'
lockstep train my.yaml --resume never --set 'callbacks[0].CSVLogger.filename=./history.csv'
