# SPDX-License-Identifier: MIT
# Keras refuses names with a slash, so a model that bears one could not be opened there.
cat >my.yaml <<'END'
model:
  name: digits/one
  layers:
    - Dense: {units: 3, input_shape: [4]}
compile: {loss: mse}
END
lockstep summary my.yaml
