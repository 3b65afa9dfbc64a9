# SPDX-License-Identifier: MIT
lockstep --versoin
