/* SPDX-License-Identifier: MIT */
/* Failures with a text, in tasks and outside of them. */
#include "sys.h"
#include "task.h"

#include <bide/error.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef bide_fail

static int normal_code(int err)
{
    if (err == 0 || err == INT_MIN) return -EINVAL;
    return err > 0 ? -err : err;
}

static int fail_with(const char *file, int line, int err, const char *format, va_list arguments)
{
    const int code = normal_code(err);
    char text[FAILURE_TEXT]; /* an argument may be the text that is overwritten */
    if (vsnprintf(text, sizeof text, format, arguments) < 0) text[0] = '\0';
    struct failure *failure = task_current ? sys_alloc(sizeof *failure) : failure_of_thread();
    if (failure) {
        *failure = (struct failure){.code = code, .file = file, .line = line};
        memcpy(failure->text, text, sizeof text);
    }
    if (task_current) task_see_failure(task_current, code, failure);
    return code;
}

int bide_fail_at(const char *file, int line, int err, const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    const int code = fail_with(file, line, err, fmt, arguments);
    va_end(arguments);
    return code;
}

int bide_fail(int err, const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    const int code = fail_with(NULL, 0, err, fmt, arguments);
    va_end(arguments);
    return code;
}

const char *bide_error_text(int code)
{
    if (code == INT_MIN) code = -EINVAL;
    code = code > 0 ? -code : code;
    const struct failure *failure = code ? task_failure(task_current, code) : NULL;
    return failure ? failure->text : strerror(-code);
}

const char *bide_version(void)
{
    return BIDE_VERSION;
}
