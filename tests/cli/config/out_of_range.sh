# SPDX-License-Identifier: MIT
lockstep train configs/fashion_mnist.yaml --set fit.validation_split=1.5
