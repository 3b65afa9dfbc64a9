# SPDX-License-Identifier: MIT
printf "fit:\n  epochs: 1\n  epochs: 2\n" >my.yaml
lockstep train my.yaml
