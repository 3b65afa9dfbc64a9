# SPDX-License-Identifier: MIT
sed "s/batch_size/batchsize/" configs/fashion_mnist.yaml >my.yaml
lockstep train my.yaml
