# SPDX-License-Identifier: MIT
lockstep digest nothing.h5
