# SPDX-License-Identifier: MIT
lockstep train --help
