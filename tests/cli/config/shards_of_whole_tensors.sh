# SPDX-License-Identifier: MIT
cat >my.yaml <<'END'
model:
  layers:
    - Dense: {units: 3, input_shape: [4]}
compile: {optimizer: "Lamb(0.01)", loss: mse}
data: {train: none.h5}
parallel:
  shard_optimizer: true
END
lockstep train my.yaml
