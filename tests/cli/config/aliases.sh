# SPDX-License-Identifier: MIT
{
  echo "a: &a [x, x, x, x, x, x, x, x, x]"
  echo "b: [*a, *a, *a, *a, *a, *a, *a, *a]"
} >my.yaml
lockstep train my.yaml
