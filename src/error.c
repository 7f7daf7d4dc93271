/* SPDX-License-Identifier: MIT */
/* Failures with a text, in tasks and outside of them. */
#include "sys.h"
#include "task.h"

#include <bide/error.h>
#include <errno.h>
#include <limits.h>
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
    if (!task_current) {
        failure_format(failure_of_thread(), file, line, code, format, arguments);
        return code;
    }
    struct failures *failures = task_failures(task_current);
    struct failure *failure = failures ? sys_alloc(sizeof *failure) : NULL;
    if (failure) failure_format(failure, file, line, code, format, arguments);
    if (failures) failures_see(failures, code, failure);
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
    const struct failure *failure = failure_of_thread();
    if (task_current) {
        const struct failures *failures = task_failures(task_current);
        failure = failures ? failures_find(failures, code) : NULL;
    }
    return failure && code && failure->code == code ? failure->text : strerror(-code);
}

const char *bide_version(void)
{
    return BIDE_VERSION;
}
