# SPDX-License-Identifier: MIT
# the first trial's trouble is told
lockstep tune configs/fashion_mnist.yaml --set data.train=none.h5 | tail -n 1
