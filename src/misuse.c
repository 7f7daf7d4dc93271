/* SPDX-License-Identifier: MIT */
#include "misuse.h"

#include "sys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void misuse(const char *format, ...)
{
    char line[720] = "bide: "; /* with the registers of the arguments, within the stack a call may use */
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(line + 6, sizeof line - 7, format, arguments);
    va_end(arguments);
    size_t length = n < 0 ? 6 : 6 + (size_t)n;
    if (length > sizeof line - 2) length = sizeof line - 2;
    line[length++] = '\n';
    const ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nobody is left to be told */
    abort();
}
