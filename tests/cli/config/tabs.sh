# SPDX-License-Identifier: MIT
printf "fit:\n\tepochs: 1\n" >my.yaml
lockstep train my.yaml
