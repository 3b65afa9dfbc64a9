# SPDX-License-Identifier: MIT
lockstep summary configs/fashion_mnist.yaml
