# SPDX-License-Identifier: MIT
lockstep train configs/fashion_mnist.yaml --outt runs/x
