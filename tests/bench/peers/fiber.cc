/* SPDX-License-Identifier: MIT */
/* boost.fiber: yield, and fibers started and joined. */
#include "bench.h"

#include <boost/fiber/all.hpp>
#include <vector>

using boost::fibers::fiber;

static void yields(const char *name, long n, long all)
{
    const long rounds = all / n;
    double start = 0, end = 0;
    std::vector<fiber> fibers;
    for (long i = 0; i < n; i++)
        fibers.emplace_back([&] {
            boost::this_fiber::yield();
            boost::this_fiber::yield();
            if (start == 0) start = cpu_ns();
            for (long j = 0; j < rounds; j++) boost::this_fiber::yield();
            end = cpu_ns();
        });
    for (auto &each : fibers) each.join();
    report(name, (end - start) / static_cast<double>(rounds * n), "ns");
}

static void spawns(const char *name, long size, long all)
{
    boost::fibers::pooled_fixedsize_stack stacks(64 * 1024);
    const long rounds = all / size;
    const double start = cpu_ns();
    for (long i = 0; i < rounds; i++) {
        std::vector<fiber> fibers;
        for (long j = 0; j < size; j++) fibers.emplace_back(std::allocator_arg, stacks, [] {});
        for (auto &each : fibers) each.join();
    }
    report(name, (cpu_ns() - start) / static_cast<double>(rounds * size), "ns");
}

int main()
{
    yields("yield/2", 2, scaled(5000000, 50000));
    yields("yield/1000", 1000, scaled(5000000, 50000));
    spawns("spawn/one-by-one", 1, scaled(500000, 10000));
    spawns("spawn/by-1000", 1000, scaled(500000, 10000));
    return 0;
}
