/* SPDX-License-Identifier: MIT */
/*
 * The switch for x86-64 (System V ABI).
 *
 * A suspended stack looks like this, from sp upwards:
 *
 *      0  MXCSR (4 bytes), x87 control word (2 bytes)
 *      8  r15   16  r14   24  r13   32  r12   40  rbx   48  rbp
 *     56  the address where it goes on
 *
 * Both stacks have this layout when the stack pointer is exchanged, so the unwind information
 * is true at every instruction. The switch ends in an indirect jump: a `ret` would be predicted
 * to return to the caller of this side and be wrong nearly always. The jump is `notrack`, as
 * its target is a return address. There is no shadow-stack support, and the note says so.
 *
 * The control words are stored always and loaded only if they differ: ldmxcsr empties the
 * pipeline on some processors (40 ns, against 4 for the rest of the switch). They are compared
 * with loads of the sizes they were stored with, or the stores could not be forwarded. MXCSR's
 * lowest six bits are status, which a called function need not preserve, and not compared.
 */
#define MXCSR_CONTROL 0xffc0

        .text

        .globl  arch_switch
        .hidden arch_switch
        .type   arch_switch, @function
        .p2align 4
arch_switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movl    (%rsp), %ecx
        movzwl  4(%rsp), %edx

        /* The load comes after the store: both may be the same context. */
        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp
        movl    8(%rsi), %eax

        xorl    (%rsp), %ecx
        xorw    4(%rsp), %dx
        andl    $MXCSR_CONTROL, %ecx
        orl     %edx, %ecx
        jnz     2f
1:      addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        notrack jmp *%rcx

        /* The same frame as at the jump above, before the addq. */
2:      .cfi_def_cfa %rsp, 64
        .cfi_restore %rip
        .cfi_offset %rbp, -16
        .cfi_offset %rbx, -24
        .cfi_offset %r12, -32
        .cfi_offset %r13, -40
        .cfi_offset %r14, -48
        .cfi_offset %r15, -56
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        jmp     1b
        .cfi_endproc
        .size   arch_switch, . - arch_switch

/*
 * The first frame of every stack: nobody called it, so the backtrace ends here. A flow begins behind
 * its first instruction, as the unwinder looks up the one before a return address. It makes no call:
 * calls and returns would no longer be in pairs where the flow ends by arch_return.
 */
        .type   arch_entry, @function
        .p2align 4
arch_entry:
        .cfi_startproc
        .cfi_undefined %rip
        endbr64
4:      xorl    %ebp, %ebp
        leaq    5f(%rip), %rax
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        jmp     *%rbx
        nop
5:      ud2
        .cfi_endproc
        .size   arch_entry, . - arch_entry

/*
 * arch_return(context %rdi): the frame of the other flow as in arch_switch, of this one nothing. The
 * control words are left below the stack pointer, which no signal handler writes to.
 */
        .globl  arch_return
        .hidden arch_return
        .type   arch_return, @function
        .p2align 4
arch_return:
        .cfi_startproc
        endbr64
        stmxcsr -8(%rsp)
        fnstcw  -4(%rsp)
        movl    -8(%rsp), %ecx
        movzwl  -4(%rsp), %edx
        movq    (%rdi), %rsp
        .cfi_def_cfa %rsp, 64
        .cfi_offset %rbp, -16
        .cfi_offset %rbx, -24
        .cfi_offset %r12, -32
        .cfi_offset %r13, -40
        .cfi_offset %r14, -48
        .cfi_offset %r15, -56
        movl    8(%rdi), %eax
        xorl    (%rsp), %ecx
        xorw    4(%rsp), %dx
        andl    $MXCSR_CONTROL, %ecx
        orl     %edx, %ecx
        jz      6f
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
6:      addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size   arch_return, . - arch_return

/* arch_prepare(context %rdi, top %rsi, entry %rdx, control words %rcx) */
        .globl  arch_prepare
        .hidden arch_prepare
        .type   arch_prepare, @function
        .p2align 4
arch_prepare:
        .cfi_startproc
        endbr64
        andq    $-16, %rsi
        leaq    4b(%rip), %rax
        movq    %rax, -8(%rsi)
        movq    $0, -16(%rsi)
        movq    %rdx, -24(%rsi)
        movq    %rcx, -64(%rsi)
        leaq    -64(%rsi), %rax
        movq    %rax, (%rdi)
        ret
        .cfi_endproc
        .size   arch_prepare, . - arch_prepare

        .globl  arch_control_words
        .hidden arch_control_words
        .type   arch_control_words, @function
        .p2align 4
arch_control_words:
        .cfi_startproc
        endbr64
        movq    $0, -8(%rsp)
        stmxcsr -8(%rsp)
        fnstcw  -4(%rsp)
        movq    -8(%rsp), %rax
        ret
        .cfi_endproc
        .size   arch_control_words, . - arch_control_words

        .globl  arch_set_control_words
        .hidden arch_set_control_words
        .type   arch_set_control_words, @function
        .p2align 4
arch_set_control_words:
        .cfi_startproc
        endbr64
        movq    %rdi, -8(%rsp)
        stmxcsr -16(%rsp)
        fnstcw  -12(%rsp)
        movl    -16(%rsp), %eax
        movzwl  -12(%rsp), %edx
        xorl    -8(%rsp), %eax
        xorw    -4(%rsp), %dx
        andl    $MXCSR_CONTROL, %eax
        orl     %edx, %eax
        jnz     3f
        ret
3:      ldmxcsr -8(%rsp)
        fldcw   -4(%rsp)
        ret
        .cfi_endproc
        .size   arch_set_control_words, . - arch_set_control_words

        .globl  arch_relax
        .hidden arch_relax
        .type   arch_relax, @function
        .p2align 4
arch_relax:
        .cfi_startproc
        endbr64
        pause
        ret
        .cfi_endproc
        .size   arch_relax, . - arch_relax

        .section .note.GNU-stack, "", @progbits

/* GNU property: indirect-branch tracking (bit 0), not the shadow stack (bit 1). */
        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4
        .long   16
        .long   5
        .asciz  "GNU"
        .long   0xc0000002
        .long   4
        .long   1
        .long   0
