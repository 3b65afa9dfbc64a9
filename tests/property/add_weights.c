/* SPDX-License-Identifier: MIT */
/* add_weights DATA.h5 WEIGHT...: gives a data set the dataset sample_weight, one float32 a sample. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  hsize_t n = argc > 2 ? (hsize_t)argc - 2 : 0;
  float *weights = calloc(n ? n : 1, sizeof *weights);
  if (n == 0 || !weights) return 2;
  for (hsize_t i = 0; i < n; i++) weights[i] = strtof(argv[i + 2], NULL);
  hid_t file = H5Fopen(argv[1], H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(1, &n, NULL);
  hid_t set = H5Dcreate2(file, "sample_weight", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int bad = H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, weights) < 0;
  H5Dclose(set);
  H5Sclose(space);
  bad |= H5Fclose(file) < 0;
  free(weights);
  return bad;
}
