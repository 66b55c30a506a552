/* SPDX-License-Identifier: BSD-3-Clause */
// A bzImage's beginning: the setup header, and the 16-bit, 32-bit and 64-bit ways in. The loader
// clears nothing but what the file holds.
#define KERNEL 0x100000
#define CODE64 0x08
#define CODE32 0x10 // where Linux's boot protocol has it
#define DATA   0x18
#define CR4_PAE (1 << 5)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define CR0_PE 1
#define CR0_PG (1 << 31)

	.section .setup, "ax"
	.code16
	.org 0x1f1
	.byte 1                 // sectors of setup behind the first
	.word 0
	.long image_paragraphs
	.word 0, 0xffff, 0
	.word 0xaa55
	.byte 0xeb, real_mode - 1f // 0x200
1:	.ascii "HdrS"
	.word 0x020f            // version of the protocol
	.long 0
	.word 0x1000, 0
	.byte 0, 1              // loaded high
	.word 0
	.long KERNEL            // 32-bit entry
	.long 0, 0, 0
	.word 0
	.byte 0, 0
	.long 0                 // 0x228: command line
	.long 0x7fffffff
	.long KERNEL            // alignment
	.byte 0, 20             // goes nowhere else
	.word 1                 // has a 64-bit entry
	.long 2047              // longest command line
	.long 0
	.quad 0
	.long 0, 0
	.quad 0
	.quad KERNEL            // preferred address
	.long image_memory
	.long 0, 0
real_mode:
	cli
	xorl %esi, %esi
	movw %ds, %si
	shll $4, %esi           // this header serves as boot parameters
	leal boot_gdt(%esi), %eax
	movl %eax, boot_gdt_register + 2
	lgdtl boot_gdt_register
	movl $CR0_PE, %eax
	movl %eax, %cr0
	movw $DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	ljmpl $CODE32, $entry32
	.balign 8
boot_gdt:
	.quad 0, 0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf93000000ffff
boot_gdt_register:
	.word . - boot_gdt - 1
	.long 0
	.org 0x400

	.section .head, "ax"
	.code32
	.globl entry32
entry32: // esi: boot parameters
	cli
	cld
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl $boot_tables, %edi // three pages: the first GiB one to one
	leal 0x1003(%edi), %eax
	movl %eax, (%edi)
	leal 0x2003(%edi), %eax
	movl %eax, 0x1000(%edi)
	movl $0x83, %eax
	xorl %ecx, %ecx
2:	movl %eax, 0x2000(%edi, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $512, %ecx
	jne 2b
	movl %edi, %cr3
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	lgdtl gdt_register
	movl $CR0_PE | CR0_PG, %eax
	movl %eax, %cr0
	ljmpl $CODE64, $long_mode

	.org 0x200
	.code64
	.globl entry64
entry64: // rsi: boot parameters
	cli
	cld
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	xorl %eax, %eax
	rep stosb
long_mode:
	lgdt gdt_register
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $boot_stack + 16384, %esp
	pushq $CODE64
	pushq $3f
	lretq
3:	movl %esi, %edi
	xorl %ebp, %ebp
	call start
4:	hlt
	jmp 4b

// Where other processors begin, in a page of low memory this is copied to.
	.globl ap_begin, ap_end
#define AP(x) (0x8000 + (x) - ap_begin)
	.code16
ap_begin:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl AP(ap_gdt_register)
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl AP(ap_cr3), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl $CR0_PE | CR0_PG, %eax
	movl %eax, %cr0
	ljmpl $CODE64, $ap_long_mode
	.balign 8
ap_gdt_register:
	.word gdt_end - gdt - 1
	.long gdt
	.word 0
	.globl ap_cr3
ap_cr3:
	.long 0
ap_end:
	.code64
ap_long_mode:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movq ap_stack, %rsp
	movq ap_cpu, %rdi
	xorl %ebp, %ebp
	call ap_start
5:	hlt
	jmp 5b

// One entry a vector, 16 bytes each; all end in trap().
	.balign 16
	.globl trap_entries
trap_entries:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector != 8 && (vector < 10 || vector > 14)
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr
trap_common:
	cld
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	call trap
	movq %rbp, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.balign 8
gdt:
	.quad 0, 0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_end:
gdt_register:
	.word gdt_end - gdt - 1
	.quad gdt

	.bss
	.balign 4096
boot_tables:
	.skip 3 * 4096
boot_stack:
	.skip 16384

	.section .note.GNU-stack, "", @progbits
