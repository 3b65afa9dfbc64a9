# SPDX-License-Identifier: MIT
lockstep predict model.h5 data.h5 --out p.txt
