# SPDX-License-Identifier: MIT
lockstep verify --help
