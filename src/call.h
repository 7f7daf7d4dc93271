/* SPDX-License-Identifier: MIT */
/* Taking back a call that was asked for. */
#ifndef CALL_H
#define CALL_H

#include <bide/call.h>

/* 1, or 0 if it was not pending. For bide_handle_cancel, which knows what may belong to it. */
int call_cancel(struct bide_handle *handle);

#endif
