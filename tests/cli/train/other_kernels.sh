# SPDX-License-Identifier: MIT
cat >c.yaml <<'END'
data: {train: t.h5}
model: {layers: [Dense: {units: 1, input_shape: 1}]}
compile: {loss: mse}
parallel: {kernels: haswel}
END
lockstep train c.yaml 2>&1 | head -n 1
lockstep train c.yaml 2>/dev/null
