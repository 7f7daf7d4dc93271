/* SPDX-License-Identifier: MIT */
/*
 * The switch alone, out of line and called through a pointer: bide's own, and hand-minimal ones in
 * the same run. A processor whose ldmxcsr is slow (40 ns on some of Intel's) shows in the distance
 * between the plain one, which always loads the control words, and the one that compares first.
 */
#include "minimal.h"
#include "own_switch.h"

/* Two flows, one line each, as for bide's own: the ring's counters would be counted too. */
static void far_flow(void)
{
    for (;;) minimal.go(&minimal.flows[0], &minimal.main);
}

static double __attribute__((unused)) minimal_pair_ns(switch_fn go, long n)
{
    minimal_open(go, 1);
    minimal.flows[0] = minimal_prepare(minimal_top(0), far_flow);
    go(&minimal.main, &minimal.flows[0]);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) go(&minimal.main, &minimal.flows[0]);
    const double ns = (cpu_ns() - start) / (double)n / 2;
    minimal_close();
    return ns;
}

/* On the same stack, as its place has a part in the result. */
static double own_pair_ns(long n)
{
    minimal_open(minimal_baseline, 1);
    must(own_switch_open(minimal_top(0)), "finding arch_switch in the library, which must not be stripped");
    own_switch_there_and_back(1);
    const double start = cpu_ns();
    own_switch_there_and_back(n);
    const double ns = (cpu_ns() - start) / (double)n / 2;
    minimal_close();
    return ns;
}

int main(void)
{
    const long n = scaled(10000000, 100000);
    const double value = own_pair_ns(n);
#if defined(__x86_64__)
    report_against("switch", value, "ns", "minimal,compared", minimal_pair_ns(minimal_compared, n));
    report_against("switch", value, "ns", "minimal,plain", minimal_pair_ns(minimal_plain, n / 4));
    report_against("switch", value, "ns", "minimal,registers", minimal_pair_ns(minimal_registers, n));
#else
    report("switch", value, "ns");
#endif
    return 0;
}
