# SPDX-License-Identifier: MIT
lockstep diff --help
