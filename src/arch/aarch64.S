/* SPDX-License-Identifier: MIT */
/*
 * The switch for AArch64 (AAPCS64).
 *
 * A suspended stack looks like this, from sp upwards:
 *
 *      0  x29    8  x30, which is where it goes on
 *     16  x19   24  x20   32  x21   40  x22   48  x23   56  x24   64  x25   72  x26   80  x27   88  x28
 *     96  d8   104  d9   112  d10  120  d11  128  d12  136  d13  144  d14  152  d15
 *    160  FPCR
 *
 * Both stacks have this layout when the stack pointer is exchanged, so the unwind information
 * is true at every instruction. Only the low halves of v8 to v15 are a called function's to keep.
 *
 * The switch ends in `ret`, though that is predicted to return to the caller of this side and
 * nearly always wrong. A `br` would be checked: it goes to behind a call somewhere in a program,
 * and in pages that are guarded (BTI) only a landing pad may be there, which compilers put behind
 * calls of setjmp alone. A pad of our own would not help, as from there on it is the same return.
 * A `ret` is never checked, and needs no pad, in arch_entry either. Calls and returns stay in
 * pairs, so that the other predictions are right.
 *
 * Return addresses are not signed, and the note says so. FPCR is stored always and loaded only
 * if it differs, as writing it is slow. It holds no status; that is in FPSR, which is nobody's.
 */
#define FRAME 176
#define BTI_C hint #34 /* `bti c`, for assemblers that do not know it; does nothing on old processors */

        .text

        .globl  arch_switch
        .hidden arch_switch
        .type   arch_switch, %function
        .p2align 4
arch_switch:
        .cfi_startproc
        BTI_C
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_def_cfa_offset FRAME
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        stp     x19, x20, [sp, #16]
        .cfi_rel_offset x19, 16
        .cfi_rel_offset x20, 24
        stp     x21, x22, [sp, #32]
        .cfi_rel_offset x21, 32
        .cfi_rel_offset x22, 40
        stp     x23, x24, [sp, #48]
        .cfi_rel_offset x23, 48
        .cfi_rel_offset x24, 56
        stp     x25, x26, [sp, #64]
        .cfi_rel_offset x25, 64
        .cfi_rel_offset x26, 72
        stp     x27, x28, [sp, #80]
        .cfi_rel_offset x27, 80
        .cfi_rel_offset x28, 88
        stp     d8, d9, [sp, #96]
        .cfi_rel_offset d8, 96
        .cfi_rel_offset d9, 104
        stp     d10, d11, [sp, #112]
        .cfi_rel_offset d10, 112
        .cfi_rel_offset d11, 120
        stp     d12, d13, [sp, #128]
        .cfi_rel_offset d12, 128
        .cfi_rel_offset d13, 136
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset d14, 144
        .cfi_rel_offset d15, 152
        mrs     x9, fpcr
        str     x9, [sp, #160]

        /* The load comes after the store: both may be the same context. */
        mov     x10, sp
        str     x10, [x0]
        ldr     x10, [x1]
        mov     sp, x10
        ldr     w0, [x1, #8]

        /* The slots stay true after their registers are loaded, until the last load gives them up. */
        ldr     x11, [sp, #160]
        cmp     x9, x11
        b.ne    2f
1:      ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        .cfi_remember_state
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore d8
        .cfi_restore d9
        .cfi_restore d10
        .cfi_restore d11
        .cfi_restore d12
        .cfi_restore d13
        .cfi_restore d14
        .cfi_restore d15
        ret

2:      .cfi_restore_state
        msr     fpcr, x11
        b       1b
        .cfi_endproc
        .size   arch_switch, . - arch_switch

/*
 * The first frame of every stack: nobody called it, so the backtrace ends here, by x29 too. A flow
 * begins behind its first instruction, as the unwinder looks up the one before a return address.
 */
        .type   arch_entry, %function
        .p2align 4
arch_entry:
        .cfi_startproc
        .cfi_undefined x30
        nop
4:      blr     x19
        brk     #1000
        .cfi_endproc
        .size   arch_entry, . - arch_entry

/* arch_return(context x0): what is left is of no use to anybody. */
        .globl  arch_return
        .hidden arch_return
        .type   arch_return, %function
        .p2align 4
arch_return:
        .cfi_startproc
        BTI_C
        sub     sp, sp, #16
        .cfi_def_cfa_offset 16
        mov     x1, x0
        mov     x0, sp
        b       arch_switch
        .cfi_endproc
        .size   arch_return, . - arch_return

/* arch_prepare(context x0, top x1, entry x2, control words x3) */
        .globl  arch_prepare
        .hidden arch_prepare
        .type   arch_prepare, %function
        .p2align 4
arch_prepare:
        .cfi_startproc
        BTI_C
        and     x1, x1, #-16
        sub     x1, x1, #FRAME
        adr     x4, 4b
        stp     xzr, x4, [x1]
        str     x2, [x1, #16]
        str     x3, [x1, #160]
        str     x1, [x0]
        ret
        .cfi_endproc
        .size   arch_prepare, . - arch_prepare

        .globl  arch_control_words
        .hidden arch_control_words
        .type   arch_control_words, %function
        .p2align 4
arch_control_words:
        .cfi_startproc
        BTI_C
        mrs     x0, fpcr
        ret
        .cfi_endproc
        .size   arch_control_words, . - arch_control_words

        .globl  arch_set_control_words
        .hidden arch_set_control_words
        .type   arch_set_control_words, %function
        .p2align 4
arch_set_control_words:
        .cfi_startproc
        BTI_C
        mrs     x1, fpcr
        cmp     x0, x1
        b.ne    3f
        ret
3:      msr     fpcr, x0
        ret
        .cfi_endproc
        .size   arch_set_control_words, . - arch_set_control_words

        .globl  arch_relax
        .hidden arch_relax
        .type   arch_relax, %function
        .p2align 4
arch_relax:
        .cfi_startproc
        BTI_C
        yield
        ret
        .cfi_endproc
        .size   arch_relax, . - arch_relax

        .section .note.GNU-stack, "", %progbits

/* GNU property: landing pads (bit 0), but no signed return addresses (bit 1). */
        .section .note.gnu.property, "a", %note
        .p2align 3
        .long   4
        .long   16
        .long   5
        .asciz  "GNU"
        .long   0xc0000000
        .long   4
        .long   1
        .long   0
