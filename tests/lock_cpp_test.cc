/* SPDX-License-Identifier: MIT */
/* C++: an exception leaves the blocks that hold a lock or a permit properly, and they nest with scopes. */
#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

extern "C" {
#include "check.h"
}

static struct bide_lock lock;
static struct bide_sem sem;
static struct bide_rwlock table;

static int throws_inside(int *code)
{
    BIDE_LOCKED(&lock, *code)
    {
        BIDE_PERMIT(&sem, *code)
        {
            BIDE_TIMEOUT(1) {
                BIDE_WRITE_LOCKED(&table, *code)
                {
                    if (bide_sleep(0.5) == 0) throw std::runtime_error("inside");
                }
            }
        }
    }
    return 0;
}

static int leaves_by_exceptions(void *)
{
    int code = 0;
    bool caught = false;
    bide_sem_init_bounded(&sem, 1);
    try {
        throws_inside(&code);
    } catch (const std::runtime_error &) {
        caught = true;
    }
    CHECK(caught && !bide_lock_locked(&lock));
    CHECK_INT(bide_sem_value(&sem), 1);
    BIDE_TIMEOUT(1) {
        BIDE_READ_LOCKED(&table, code)
        {
            CHECK_INT(bide_yield(), 0);
        }
    }
    return code;
}

static void an_exception_gives_back_what_is_held(void **)
{
    assert_int_equal(check_run(leaves_by_exceptions, nullptr), 0);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exception_gives_back_what_is_held),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
