/* SPDX-License-Identifier: MIT */
/* BIDE_TIMEOUT entered and left without a wait inside, against the one read of the clock that it needs. */
#include "bench.h"

static int enter_often(void *arg)
{
    double *ns = arg;
    const long n = scaled(5000000, 50000);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        BIDE_TIMEOUT(1000.0) {
            __asm__ volatile("" ::: "memory");
        }
    }
    *ns = (cpu_ns() - start) / (double)n;
    return 0;
}

int main(void)
{
    double ns;
    must(bide_run(enter_often, &ns) == 0, "bide_run");
    report_against("timeout", ns, "ns", "clock", clock_read_ns());
    return 0;
}
