# SPDX-License-Identifier: MIT
lockstep inspect --help
