/* SPDX-License-Identifier: MIT */
/*
 * The switch for RISC-V (LP64D).
 *
 * A suspended stack looks like this, from sp upwards:
 *
 *      0  ra, which is where it goes on
 *      8  s0    16  s1   24  s2   ...   96  s11
 *    104  frm, the rounding mode (4 bytes)
 *    112  fs0  120  fs1  128  fs2  ...  200  fs11
 *
 * Both stacks have this layout when the stack pointer is exchanged, so the unwind information
 * is true at every instruction. The switch ends in an indirect jump: a return (by ra or t0) would
 * be predicted to go to the caller of this side and be wrong nearly always. The jump is by t2,
 * the one other register by which a jump needs no landing pad where these are enforced (Zicfilp),
 * as there is none behind a call. There is no shadow-stack support.
 *
 * The rounding mode is stored always and loaded only if it differs, as writing it may empty the
 * pipeline. The rest of fcsr is status, which a called function need not preserve.
 */
#ifndef __riscv_float_abi_double
#error "bide is written for the calling convention LP64D."
#endif

#define FRAME 208

        .text

        .globl  arch_switch
        .hidden arch_switch
        .type   arch_switch, @function
        .p2align 4
arch_switch:
        .cfi_startproc
        addi    sp, sp, -FRAME
        .cfi_def_cfa_offset FRAME
        sd      ra, 0(sp)
        .cfi_rel_offset ra, 0
        sd      s0, 8(sp)
        .cfi_rel_offset s0, 8
        sd      s1, 16(sp)
        .cfi_rel_offset s1, 16
        sd      s2, 24(sp)
        .cfi_rel_offset s2, 24
        sd      s3, 32(sp)
        .cfi_rel_offset s3, 32
        sd      s4, 40(sp)
        .cfi_rel_offset s4, 40
        sd      s5, 48(sp)
        .cfi_rel_offset s5, 48
        sd      s6, 56(sp)
        .cfi_rel_offset s6, 56
        sd      s7, 64(sp)
        .cfi_rel_offset s7, 64
        sd      s8, 72(sp)
        .cfi_rel_offset s8, 72
        sd      s9, 80(sp)
        .cfi_rel_offset s9, 80
        sd      s10, 88(sp)
        .cfi_rel_offset s10, 88
        sd      s11, 96(sp)
        .cfi_rel_offset s11, 96
        fsd     fs0, 112(sp)
        .cfi_rel_offset fs0, 112
        fsd     fs1, 120(sp)
        .cfi_rel_offset fs1, 120
        fsd     fs2, 128(sp)
        .cfi_rel_offset fs2, 128
        fsd     fs3, 136(sp)
        .cfi_rel_offset fs3, 136
        fsd     fs4, 144(sp)
        .cfi_rel_offset fs4, 144
        fsd     fs5, 152(sp)
        .cfi_rel_offset fs5, 152
        fsd     fs6, 160(sp)
        .cfi_rel_offset fs6, 160
        fsd     fs7, 168(sp)
        .cfi_rel_offset fs7, 168
        fsd     fs8, 176(sp)
        .cfi_rel_offset fs8, 176
        fsd     fs9, 184(sp)
        .cfi_rel_offset fs9, 184
        fsd     fs10, 192(sp)
        .cfi_rel_offset fs10, 192
        fsd     fs11, 200(sp)
        .cfi_rel_offset fs11, 200
        frrm    t0
        sw      t0, 104(sp)

        /* The load comes after the store: both may be the same context. */
        sd      sp, 0(a0)
        ld      sp, 0(a1)
        lw      a0, 8(a1)

        /* The slots stay true after their registers are loaded, until the last addi gives them up. */
        lw      t1, 104(sp)
        bne     t0, t1, 2f
1:      ld      t2, 0(sp)
        ld      s0, 8(sp)
        ld      s1, 16(sp)
        ld      s2, 24(sp)
        ld      s3, 32(sp)
        ld      s4, 40(sp)
        ld      s5, 48(sp)
        ld      s6, 56(sp)
        ld      s7, 64(sp)
        ld      s8, 72(sp)
        ld      s9, 80(sp)
        ld      s10, 88(sp)
        ld      s11, 96(sp)
        fld     fs0, 112(sp)
        fld     fs1, 120(sp)
        fld     fs2, 128(sp)
        fld     fs3, 136(sp)
        fld     fs4, 144(sp)
        fld     fs5, 152(sp)
        fld     fs6, 160(sp)
        fld     fs7, 168(sp)
        fld     fs8, 176(sp)
        fld     fs9, 184(sp)
        fld     fs10, 192(sp)
        fld     fs11, 200(sp)
        .cfi_remember_state
        addi    sp, sp, FRAME
        .cfi_def_cfa_offset 0
        .cfi_register ra, t2
        .cfi_restore s0
        .cfi_restore s1
        .cfi_restore s2
        .cfi_restore s3
        .cfi_restore s4
        .cfi_restore s5
        .cfi_restore s6
        .cfi_restore s7
        .cfi_restore s8
        .cfi_restore s9
        .cfi_restore s10
        .cfi_restore s11
        .cfi_restore fs0
        .cfi_restore fs1
        .cfi_restore fs2
        .cfi_restore fs3
        .cfi_restore fs4
        .cfi_restore fs5
        .cfi_restore fs6
        .cfi_restore fs7
        .cfi_restore fs8
        .cfi_restore fs9
        .cfi_restore fs10
        .cfi_restore fs11
        jr      t2

2:      .cfi_restore_state
        fsrm    t1
        j       1b
        .cfi_endproc
        .size   arch_switch, . - arch_switch

/*
 * The first frame of every stack: nobody called it, so the backtrace ends here, by s0 too. A flow
 * begins behind its first instruction, as the unwinder looks up the one before a return address.
 */
        .type   arch_entry, @function
        .p2align 4
arch_entry:
        .cfi_startproc
        .cfi_undefined ra
        nop
4:      jalr    s1
        unimp
        .cfi_endproc
        .size   arch_entry, . - arch_entry

/* arch_return(context a0): what is left is of no use to anybody. */
        .globl  arch_return
        .hidden arch_return
        .type   arch_return, @function
        .p2align 4
arch_return:
        .cfi_startproc
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        mv      a1, a0
        mv      a0, sp
        j       arch_switch
        .cfi_endproc
        .size   arch_return, . - arch_return

/* arch_prepare(context a0, top a1, entry a2, control words a3) */
        .globl  arch_prepare
        .hidden arch_prepare
        .type   arch_prepare, @function
        .p2align 4
arch_prepare:
        .cfi_startproc
        andi    a1, a1, -16
        addi    a1, a1, -FRAME
        lla     t0, 4b
        sd      t0, 0(a1)
        sd      zero, 8(a1)
        sd      a2, 16(a1)
        sw      a3, 104(a1)
        sd      a1, 0(a0)
        ret
        .cfi_endproc
        .size   arch_prepare, . - arch_prepare

        .globl  arch_control_words
        .hidden arch_control_words
        .type   arch_control_words, @function
        .p2align 4
arch_control_words:
        .cfi_startproc
        frrm    a0
        ret
        .cfi_endproc
        .size   arch_control_words, . - arch_control_words

        .globl  arch_set_control_words
        .hidden arch_set_control_words
        .type   arch_set_control_words, @function
        .p2align 4
arch_set_control_words:
        .cfi_startproc
        frrm    t0
        bne     a0, t0, 3f
        ret
3:      fsrm    a0
        ret
        .cfi_endproc
        .size   arch_set_control_words, . - arch_set_control_words

/* `pause`, for assemblers that do not know it; does nothing on old processors. */
        .globl  arch_relax
        .hidden arch_relax
        .type   arch_relax, @function
        .p2align 4
arch_relax:
        .cfi_startproc
        .4byte  0x0100000f
        ret
        .cfi_endproc
        .size   arch_relax, . - arch_relax

        .section .note.GNU-stack, "", @progbits
