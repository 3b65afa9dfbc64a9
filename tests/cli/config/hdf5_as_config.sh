# SPDX-License-Identifier: MIT
printf "\211HDF\r\n\032\n" >my.yaml
lockstep train my.yaml
