# SPDX-License-Identifier: MIT
: >my.yaml
lockstep train my.yaml
