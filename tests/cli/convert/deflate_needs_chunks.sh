# SPDX-License-Identifier: MIT
lockstep convert a.csv -o a.h5 --deflate 3
