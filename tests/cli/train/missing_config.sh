# SPDX-License-Identifier: MIT
lockstep train configs/fashion_minst.yaml
