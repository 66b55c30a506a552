/* SPDX-License-Identifier: BSD-3-Clause */
/* What the guests of test_vm_kvm.c do. Copied to CODE (kvm_guest.h) and run there, flat, in the
   way the name's test says; an `outl` to REPORT is heard by the test. */

#define REPORT 0xe0
#define STACK  0x90000
#define CODE   0x100000
#define IDTR   0x2000
#define PAGE   0x3000
#define BUFFER 0x200000
#define HOLE   0xd0000000
#define IOAPIC 0xfec00000
#define APIC   0xfee00000

	.macro guest name
	.globl code_\name, code_\name\()_end
	.balign 16
code_\name:
	.endm

	.macro end name
9:	hlt
	jmp 9b
code_\name\()_end:
	.endm

	.macro report value
	movl \value, %eax
	outl %eax, $REPORT
	.endm

	.macro write_msr msr, high, low
	movl $\msr, %ecx
	movl $\high, %edx
	movl $\low, %eax
	wrmsr
	.endm

	.section .rodata
	.code32

	guest ports
	movw $0x3f8, %dx
	movb $'A', %al
	outb %al, %dx
	movl $(CODE + text - code_ports), %esi
	movl $3, %ecx
	rep outsb
	inb %dx, %al
	movzbl %al, %eax
	outl %eax, $REPORT
	movl $BUFFER, %edi
	movl $4, %ecx
	rep insb
	report BUFFER
	inw $0xe4, %ax
	movzwl %ax, %eax
	outl %eax, $REPORT
	jmp 1f
text:	.ascii "xyz"
1:	end ports

	guest mmio
	movl $0x12345678, HOLE + 0x10
	movb $0x9a, HOLE + 0x20
	report HOLE + 0x30
	end mmio

	guest pic
	movl $STACK, %esp
	lidt IDTR
	movb $0x11, %al
	outb %al, $0x20
	movb $0x20, %al
	outb %al, $0x21
	movb $0x04, %al
	outb %al, $0x21
	movb $0x01, %al
	outb %al, $0x21
	movb $0xef, %al
	outb %al, $0x21
	report $1
	sti
	end pic
	.globl code_pic_handler
code_pic_handler:
	report $0x24
	movb $0x20, %al
	outb %al, $0x20
	iret
	.globl code_pic_all
code_pic_all:

	/* The interval timer, every millisecond, at the IOAPIC's pin 2 as vector 0x30. */
	guest pit
	movl $STACK, %esp
	lidt IDTR
	movl $0x1ff, APIC + 0xf0
	movb $0xff, %al
	outb %al, $0x21
	movl $0x15, IOAPIC
	movl $0, IOAPIC + 0x10
	movl $0x14, IOAPIC
	movl $0x30, IOAPIC + 0x10
	movb $0x34, %al
	outb %al, $0x43
	movb $0xa9, %al
	outb %al, $0x40
	movb $0x04, %al
	outb %al, $0x40
	sti
	end pit
	.globl code_pit_handler
code_pit_handler:
	report $0x30
	movl $0, APIC + 0xb0
	iret
	.globl code_pit_all
code_pit_all:

	guest sint
	movl $STACK, %esp
	lidt IDTR
	movl $0x1ff, APIC + 0xf0
	write_msr 0x40000092, 0, 0x50
	report $1
	sti
	end sint
	.globl code_sint_handler
code_sint_handler:
	report $0x50
	movl $0, APIC + 0xb0
	iret
	.globl code_sint_all
code_sint_all:

	/* What SINT 2 takes: the interrupt comes in between, as does the fault of a bad vector. */
	.macro report_sint
	movl $0x40000092, %ecx
	rdmsr
	outl %eax, $REPORT
	.endm

	guest unmask
	movl $STACK, %esp
	lidt IDTR
	movl $0x1ff, APIC + 0xf0
	sti
	report_sint
	write_msr 0x40000092, 0, 0x10000
	write_msr 0x40000092, 0, 0xf
	report_sint
	write_msr 0x40000092, 0, 0x50
	report_sint
	write_msr 0x40000092, 0, 0x10050
	report_sint
	end unmask
	.globl code_unmask_handler
code_unmask_handler:
	report $0x51
	movl $0, APIC + 0xb0
	iret
	.globl code_unmask_fault
code_unmask_fault:
	report $13
	addl $4, %esp
	addl $2, (%esp)
	iret
	.globl code_unmask_all
code_unmask_all:

	guest synic
	write_msr 0x40000083, 0, 0x5001
	write_msr 0x40000082, 0, 0x6001
	write_msr 0x40000080, 0, 0
	report $1
	end synic

	guest hypercalls
	movl $STACK, %esp
	movl $PAGE, %ebp
	write_msr 0x40000000, 0x81000000, 1
	write_msr 0x40000001, 0, PAGE + 1
	xorl %edi, %edi
	xorl %esi, %esi
	/* HvPostMessage, its input at 0x4000 */
	xorl %edx, %edx
	movl $0x5c, %eax
	xorl %ebx, %ebx
	movl $0x4000, %ecx
	call *%ebp
	outl %eax, $REPORT
	/* HvSignalEvent, fast, on 0x2001 and then 0x2002 */
	xorl %edx, %edx
	movl $0x1005d, %eax
	xorl %ebx, %ebx
	movl $0x2001, %ecx
	call *%ebp
	outl %eax, $REPORT
	xorl %edx, %edx
	movl $0x1005d, %eax
	xorl %ebx, %ebx
	movl $0x2002, %ecx
	call *%ebp
	outl %eax, $REPORT
	end hypercalls

	guest crash
	movl $0x40000105, %ecx
	rdmsr
	report %edx
	write_msr 0x40000100, 0, 0x11
	write_msr 0x40000101, 1, 0x22
	write_msr 0x40000102, 0, 0x33
	write_msr 0x40000103, 0, 0x44
	write_msr 0x40000104, 0, 0x55
	write_msr 0x40000105, 0xc0000000, 0
	report $1
	end crash

	guest cpuid
	movl $0x40000000, %eax
	cpuid
	report %ebx
	report %ecx
	report %edx
	movl $1, %eax
	cpuid
	report %ecx
	movl $0x40000100, %eax
	cpuid
	report %ebx
	end cpuid

	guest unknown_msr
	write_msr 0x40000118, 0, 1
	report $1
	end unknown_msr

	guest reset
	write_msr 0x40000003, 0, 1
	end reset

	guest fault
	lidt CODE + 0x1000
	ud2
	end fault

	guest hole
	movl $HOLE, %eax
	jmp *%eax
	end hole

	guest spin
	report $1
1:	jmp 1b
	end spin

	guest smp
	movl $0x1ff, APIC + 0xf0
	movl $0x01000000, APIC + 0x310
	movl $0x4500, APIC + 0x300
	movl $0x01000000, APIC + 0x310
	movl $0x4608, APIC + 0x300
	end smp

	.code16
	guest second
	movl $0x40000002, %ecx
	rdmsr
	outl %eax, $REPORT
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	report %ebx
	movl $0xb, %eax
	movl $1, %ecx
	cpuid
	report %ebx
	report %edx
	end second

	.code64
	guest long
	movl %esi, %eax
	outl %eax, $REPORT
	movabsq $0x123456789abcdef0, %rax
	shrq $32, %rax
	outl %eax, $REPORT
	movq %cr0, %rax
	shrq $31, %rax
	outl %eax, $REPORT
	end long

	.section .note.GNU-stack, "", @progbits
