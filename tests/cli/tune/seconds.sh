# SPDX-License-Identifier: MIT
lockstep tune configs/fashion_mnist.yaml --seconds long
