# SPDX-License-Identifier: MIT
lockstep tune --help
