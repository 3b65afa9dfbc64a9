# SPDX-License-Identifier: MIT
lockstep
