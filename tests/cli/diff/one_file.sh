# SPDX-License-Identifier: MIT
lockstep diff a.h5
