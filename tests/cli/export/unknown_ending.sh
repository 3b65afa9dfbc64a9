# SPDX-License-Identifier: MIT
lockstep export model.h5 model.txt
