# SPDX-License-Identifier: MIT
lockstep predict --help
