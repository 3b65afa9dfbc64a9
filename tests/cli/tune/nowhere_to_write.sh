# SPDX-License-Identifier: MIT
# Said before anything is measured.
cat >my.yaml <<'END'
data: {train: none.h5}
model:
  layers:
    - Dense: {units: 3, input_shape: [4]}
compile: {loss: mse}
END
lockstep tune my.yaml --out nowhere/my.tune
