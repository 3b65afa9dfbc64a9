# SPDX-License-Identifier: MIT
lockstep --help
