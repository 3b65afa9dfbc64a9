# SPDX-License-Identifier: MIT
sed "s/epochs: 5/epochs: five/" configs/fashion_mnist.yaml >my.yaml
lockstep train my.yaml
