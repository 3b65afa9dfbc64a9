/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_CONTEXT_H
#define LSI_PAR_CONTEXT_H
/* What doctor prints of a context, beside its communicator (par/comm.h). */
#include "par/cores.h"

const lsi_cores *lsi_context_cores(const ls_context *context);
#endif
