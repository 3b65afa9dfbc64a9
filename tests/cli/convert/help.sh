# SPDX-License-Identifier: MIT
lockstep convert --help
