# SPDX-License-Identifier: MIT
lockstep convert -o a.h5
