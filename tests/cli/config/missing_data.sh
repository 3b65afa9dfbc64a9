# SPDX-License-Identifier: MIT
lockstep train configs/half_image.yaml --verbose 0
