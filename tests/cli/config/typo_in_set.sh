# SPDX-License-Identifier: MIT
lockstep train configs/fashion_mnist.yaml --set fit.epoch=1
