# SPDX-License-Identifier: MIT
lockstep digest --help
