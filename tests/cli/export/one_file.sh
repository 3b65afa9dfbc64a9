# SPDX-License-Identifier: MIT
lockstep export model.h5
