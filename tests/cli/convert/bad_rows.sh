# SPDX-License-Identifier: MIT
lockstep convert a.csv -o a.h5 --rows 9:3
