/* SPDX-License-Identifier: MIT */
/* The switch by itself: registers, values, stacks, control words, where a backtrace ends. */
#include "../src/arch/arch.h"
#include "../src/sanitizer.h"

#include "check.h"

#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

enum { SIZE = 65536, SKIPPED = 77 };

static struct context self, other;
static _Alignas(16) char stack[SIZE];

static void prepare(void (*entry)(void))
{
    arch_prepare(&other, stack + SIZE, entry, arch_control_words());
}

/* ---- registers ---- */

/* More live numbers of each kind than registers that a called function preserves; all of them change. */
static __attribute__((noinline)) double mix(struct context *from, struct context *to, volatile int *seed)
{
    long a = *seed, b = *seed, c = *seed, d = *seed, e = *seed, f = *seed, g = *seed, h = *seed, i = *seed,
         j = *seed, k = *seed, l = *seed;
    double m = *seed, n = *seed, o = *seed, p = *seed, q = *seed, r = *seed, s = *seed, t = *seed, u = *seed,
           v = *seed, w = *seed, x = *seed;
    for (int round = 1; round < 20; round++) {
        arch_switch(from, to);
        a += round, b += 2 * a, c ^= b, d += c / 3, e -= d, f += e / 5, g ^= f, h += g / 7, i -= h, j ^= i,
            k += j, l ^= k;
        m += round, n += m / 2, o -= n / 3, p += o / 4, q -= p / 5, r += q / 6, s -= r / 7, t += s / 8,
            u -= t / 9, v += u / 10, w -= v / 11, x += w / 12;
    }
    return (double)((a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l) % 1000000) + m + n + o + p + q + r + s +
           t + u + v + w + x;
}

static volatile int seeds[] = {1, 77, 123456};
static double mixed;

static void mix_in_a_flow(void)
{
    mixed = mix(&other, &self, &seeds[1]);
    arch_switch(&other, &self);
}

/* What others compute meanwhile changes nothing: the same comes out of switches to oneself. */
static void each_flow_has_its_registers(void **state)
{
    (void)state;
    const double alone = mix(&self, &self, &seeds[0]), other_alone = mix(&other, &other, &seeds[1]);
    assert_true(alone != other_alone);
    prepare(mix_in_a_flow);
    const double together = mix(&self, &other, &seeds[0]);
    arch_switch(&self, &other);
    assert_true(together == alone);
    assert_true(mixed == other_alone);
}

/* ---- values ---- */

static int received[3];

static void hand_values_back(void)
{
    for (int i = 0; i < 3; i++) {
        self.value = -i;
        received[i] = arch_switch(&other, &self);
    }
    arch_switch(&other, &self);
}

static void a_value_is_handed_over(void **state)
{
    (void)state;
    prepare(hand_values_back);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(arch_switch(&self, &other), -i);
        other.value = 7 + i;
    }
    arch_switch(&self, &other);
    for (int i = 0; i < 3; i++) assert_int_equal(received[i], 7 + i);
    self.value = INT32_MIN;
    assert_int_equal(arch_switch(&self, &self), INT32_MIN);
}

/* ---- ends ---- */

static void return_for_good(void)
{
    fesetround(FE_DOWNWARD);
    self.value = 42;
    arch_return(&self);
}

/* Whoever began a flow goes on as after a switch, with all that it had. */
static void a_flow_ends_with_a_return(void **state)
{
    (void)state;
    const double alone = mix(&self, &self, &seeds[0]);
    for (int i = 0; i < 3; i++) {
        prepare(return_for_good);
        assert_int_equal(arch_switch(&self, &other), 42);
        assert_int_equal(fegetround(), FE_TONEAREST);
        assert_true(mix(&self, &self, &seeds[0]) == alone);
    }
}

/* ---- stacks ---- */

static uintptr_t place;

static void look_at_the_stack(void)
{
    _Alignas(16) volatile char aligned[16] = {0};
    place = (uintptr_t)aligned;
    arch_switch(&other, &self);
}

/* The compiler relies on it that a stack is aligned; where it is not, nor is such a variable. */
static void any_top_is_rounded_down(void **state)
{
    (void)state;
    for (uintptr_t cut = 0; cut < 32; cut++) {
        char *top = stack + SIZE - cut;
        memset(top, 0x5a, cut);
        arch_prepare(&other, top, look_at_the_stack, arch_control_words());
        arch_switch(&self, &other);
        assert_int_equal(place % 16, 0);
        assert_true(place >= (uintptr_t)stack && place + 16 <= (uintptr_t)top);
        for (char *above = top; above < stack + SIZE; above++) assert_int_equal(*above, 0x5a);
    }
}

/* ---- control words ---- */

static int modes[2];

static void look_at_the_mode(void)
{
    modes[0] = fegetround();
    fesetround(FE_TOWARDZERO);
    arch_switch(&other, &self);
    modes[1] = fegetround();
    arch_switch(&other, &self);
}

static void control_words_come_with_a_flow(void **state)
{
    (void)state;
    const uint64_t usual = arch_control_words();
    assert_int_equal(fesetround(FE_UPWARD), 0);
    const uint64_t upward = arch_control_words();
    assert_true(upward != usual);
    arch_prepare(&other, stack + SIZE, look_at_the_mode, usual);
    arch_switch(&self, &other);
    const int kept = fegetround();
    fesetround(FE_DOWNWARD);
    arch_switch(&self, &other);
    const int kept_again = fegetround();
    arch_set_control_words(upward);
    const int set = fegetround();
    arch_set_control_words(usual);
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_true(arch_control_words() == usual);
    assert_int_equal(modes[0], FE_TONEAREST);
    assert_int_equal(modes[1], FE_TOWARDZERO);
    assert_int_equal(kept, FE_UPWARD);
    assert_int_equal(kept_again, FE_DOWNWARD);
    assert_int_equal(set, FE_UPWARD);
}

/* ---- backtraces ---- */

#ifdef __GLIBC__ /* the compiler's unwinder was built for this one, and needs it */
static int frames;
static _Unwind_Reason_Code end;

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *arg)
{
    (void)arg;
    frames += _Unwind_GetIP(context) != 0;
    return frames < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static void trace(void)
{
    frames = 0;
    end = _Unwind_Backtrace(count_frame, NULL);
    arch_switch(&other, &self);
}

/* It shows this function, the one that begins every flow, and no more. */
static void a_backtrace_ends_with_its_flow(void **state)
{
    (void)state;
    prepare(trace);
    arch_switch(&self, &other);
    assert_int_equal(end, _URC_END_OF_STACK);
    assert_int_equal(frames, 2);
}
#endif

int main(void)
{
    if (SANITIZER_FIBERS) {
        puts("skipped: sanitizers would have to be told of every switch");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flow_has_its_registers),    cmocka_unit_test(a_value_is_handed_over),
        cmocka_unit_test(a_flow_ends_with_a_return),      cmocka_unit_test(any_top_is_rounded_down),
        cmocka_unit_test(control_words_come_with_a_flow),
#ifdef __GLIBC__
        cmocka_unit_test(a_backtrace_ends_with_its_flow),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
