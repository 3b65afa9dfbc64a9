# SPDX-License-Identifier: MIT
cat > net.yaml <<'END'
model:
  layers:
    - Reshape: {input_shape: [12], target_shape: [3, 4]}
    - Dense: {units: 5}
    - LeakyReLU: {negative_slope: 0.1}
    - UnitNormalization: {}
    - Flatten: {}
    - Dense: {units: 6, kernel_constraint: "MaxNorm(2)"}
    - PReLU: {}
    - GaussianNoise: {stddev: 0.1}
    - Dense: {units: 4}
    - ELU: {alpha: 0.5}
    - RMSNormalization: {}
    - GaussianDropout: {rate: 0.1}
    - AlphaDropout: {rate: 0.1}
    - ActivityRegularization: {l2: 0.01}
    - Identity: {}
    - ReLU: {max_value: 6}
    - Dense: {units: 3}
    - Softmax: {}
compile: {optimizer: Nadam, loss: sparse_categorical_crossentropy, loss_weights: [0.5]}
data: {train: train.h5}
END
lockstep summary net.yaml
sed -i 's/\[0.5\]/[0.5, 2]/' net.yaml
lockstep summary net.yaml
