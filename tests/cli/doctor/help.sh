# SPDX-License-Identifier: MIT
lockstep doctor --help
