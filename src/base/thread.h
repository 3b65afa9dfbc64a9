/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_THREAD_H
#define LSI_BASE_THREAD_H
/* Threads beside those that train: signals are not delivered to them. */
#include <pthread.h>
#include <stddef.h>
#include "base/status.h"

enum { LSI_DEFAULT_STACK = 0, LSI_SMALL_STACK = 1 << 20 };

/* `what` is for messages. LS_ERR_MEMORY when there is no thread to be had; to be joined by the caller. */
ls_status lsi_thread_start(const char *what, size_t stack_bytes, void *(*body)(void *), void *self,
                           pthread_t *thread);
#endif
