# SPDX-License-Identifier: MIT
sed "s/- Dense/- Dens/" configs/fashion_mnist.yaml >my.yaml
lockstep train my.yaml
