# SPDX-License-Identifier: MIT
lockstep trian configs/fashion_mnist.yaml
