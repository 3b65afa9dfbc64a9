# SPDX-License-Identifier: MIT
# the second process of a launch says nothing, and fails like the first
OMPI_COMM_WORLD_RANK=1 lockstep --help
OMPI_COMM_WORLD_RANK=1 lockstep trian
