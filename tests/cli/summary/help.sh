# SPDX-License-Identifier: MIT
lockstep summary --help
