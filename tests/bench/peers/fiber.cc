/* SPDX-License-Identifier: MIT */
/* boost.fiber: yield, and fibers started and joined; `sleepers SIZE N`. */
#include "sleepers.h"

#include <boost/fiber/all.hpp>
#include <chrono>
#include <vector>

using boost::fibers::fiber;

using stacks_of_64k = boost::fibers::pooled_fixedsize_stack;

static void yields(const char *name, long n, long all)
{
    stacks_of_64k stacks(64 * 1024);
    const long rounds = all / n;
    double start = 0, end = 0;
    std::vector<fiber> fibers;
    for (long i = 0; i < n; i++)
        fibers.emplace_back(std::allocator_arg, stacks, [&] {
            boost::this_fiber::yield();
            boost::this_fiber::yield();
            if (start == 0) start = cpu_ns();
            for (long j = 0; j < rounds; j++) boost::this_fiber::yield();
            end = cpu_ns();
        });
    for (auto &each : fibers) each.join();
    report(name, (end - start) / static_cast<double>(rounds * n), "ns");
}

template <typename Fn> static void spawns(const char *name, long size, long all, Fn fn)
{
    stacks_of_64k stacks(64 * 1024);
    const long rounds = all / size;
    const double start = cpu_ns();
    for (long i = 0; i < rounds; i++) {
        std::vector<fiber> fibers;
        for (long j = 0; j < size; j++) fibers.emplace_back(std::allocator_arg, stacks, fn);
        for (auto &each : fibers) each.join();
    }
    report(name, (cpu_ns() - start) / static_cast<double>(rounds * size), "ns");
}

static int sleepers(const char *size, long n)
{
    stacks_of_64k stacks(64 * 1024);
    std::vector<fiber> fibers;
    uint64_t random = 88172645463325252;
    fibers.reserve(static_cast<size_t>(n));
    const sleepers_before before = sleepers_begin();
    const auto first = std::chrono::steady_clock::now() +
                       std::chrono::microseconds(static_cast<long>(sleepers_lead(n) * 1e6));
    for (long i = 0; i < n; i++) {
        const auto when = first + std::chrono::nanoseconds(random_next(&random) % 1000000000);
        fibers.emplace_back(std::allocator_arg, stacks, [=] { boost::this_fiber::sleep_until(when); });
    }
    boost::this_fiber::yield(); /* they begin */
    sleepers_asleep(size, before, n);
    for (auto &each : fibers) each.join();
    sleepers_end(size, before);
    return 0;
}

int main(int argc, char **argv)
{
    const auto none = [] {};
    const auto once = [] { boost::this_fiber::yield(); };
    if (argc > 3) return sleepers(argv[2], atol(argv[3]));
    yields("yield/2", 2, scaled(5000000, 50000));
    yields("yield/1000", 1000, scaled(5000000, 50000));
    yields("yield/100000", scaled(100000, 5000), scaled(2000000, 50000));
    spawns("spawn/one-by-one", 1, scaled(500000, 10000), none);
    spawns("spawn/by-1000", 1000, scaled(500000, 10000), none);
    spawns("spawn/1000-alive", 1000, scaled(500000, 10000), once);
    return 0;
}
