# SPDX-License-Identifier: MIT
lockstep summary configs/fashion_mnist.yaml --set 'model.layers[1].units=300'
