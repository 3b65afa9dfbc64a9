/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_CONTEXT_H
#define LSI_PAR_CONTEXT_H
/* What reports tell of a context, beside its communicator (par/comm.h). */
#include "par/cores.h"

const lsi_cores *lsi_context_cores(const ls_context *context);
/* Seconds that MPI_Init_thread took in this process; 0 when the program had called it. */
double lsi_context_mpi_init_s(void);
#endif
