# SPDX-License-Identifier: MIT
lockstep train configs
