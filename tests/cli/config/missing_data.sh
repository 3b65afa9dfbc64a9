# SPDX-License-Identifier: MIT
lockstep train configs/diabetes.yaml --verbose 0
