# SPDX-License-Identifier: MIT
# model.weights of a file whose optimizer is another: the weights count, the optimizer starts anew, and it is said.
for i in 1 2 3 4; do echo "$i;$((5 - i));$i"; done >x.csv
lockstep convert x.csv --out x.h5
cat >my.yaml <<'END'
data: {train: x.h5}
model:
  layers:
    - Dense: {units: 1, input_shape: [2]}
compile: {loss: mse, optimizer: {name: adam, learning_rate: 0.0}}
fit: {verbose: 0}
END
lockstep train my.yaml
lockstep export runs/my/checkpoints/ckpt-000000000001.h5 adam.weights.h5
lockstep train my.yaml --out runs/rms --set model.weights=adam.weights.h5 --set compile.optimizer.name=RMSprop
lockstep diff runs/my/model.h5 runs/rms/model.h5
lockstep train my.yaml --out runs/wide --set model.weights=adam.weights.h5 --set 'model.layers[0].units=2'
