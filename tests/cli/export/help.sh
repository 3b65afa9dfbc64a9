# SPDX-License-Identifier: MIT
lockstep export --help
