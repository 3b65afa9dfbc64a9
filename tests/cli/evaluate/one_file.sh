# SPDX-License-Identifier: MIT
lockstep evaluate model.h5
