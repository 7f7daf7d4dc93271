/* SPDX-License-Identifier: MIT */
/*
 * Each line is put together in a small buffer and written at once: stdio would take 8 KiB of a task's stack.
 */
#include "misuse.h"

#include "sys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print(const char *format, va_list arguments)
{
    char line[720] = "bide: "; /* with the registers of the arguments, within the stack a call may use */
    const int n = vsnprintf(line + 6, sizeof line - 7, format, arguments);
    size_t length = n < 0 ? 6 : 6 + (size_t)n;
    if (length > sizeof line - 2) length = sizeof line - 2;
    line[length++] = '\n';
    const ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nobody is left to be told */
}

void print_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
}

_Noreturn void misuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
    abort();
}
