# SPDX-License-Identifier: MIT
sed "s/sigmoid/sigmiod/" configs/fashion_mnist.yaml >my.yaml
lockstep summary my.yaml
