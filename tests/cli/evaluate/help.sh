# SPDX-License-Identifier: MIT
lockstep evaluate --help
