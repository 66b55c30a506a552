/* SPDX-License-Identifier: BSD-3-Clause */
#include "serial.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIFO_SIZE 16u

// Registers by offset; some change their meaning with DLAB, or between reading and writing.
enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };

#define IER_RX   0x01u
#define IER_THRE 0x02u
#define IER_LINE 0x04u
#define IER_MSR  0x08u

#define IIR_NONE    0x01u
#define IIR_MSR     0x00u
#define IIR_THRE    0x02u
#define IIR_RX      0x04u
#define IIR_LINE    0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFO    0xc0u

#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u

#define LCR_DLAB 0x80u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DATA    0x01u
#define LSR_OVERRUN 0x02u
#define LSR_IDLE    0x60u // THRE and TEMT: what is written has left before it can be asked

#define MSR_DELTA_RI 0x04u
#define MSR_CTS      0x10u
#define MSR_DSR      0x20u
#define MSR_RI       0x40u
#define MSR_DCD      0x80u
#define MSR_LINES    0xf0u

struct serial {
	const struct serial_ops *ops;
	void *arg;
	pthread_mutex_t lock; // all below
	uint8_t ier, fcr, lcr, mcr, msr, scratch, divisor[2];
	bool thre; // the interrupt for it is owed
	bool overrun;
	bool starved; // not all of an input was taken
	bool level;
	uint8_t fifo[FIFO_SIZE]; // to the guest
	unsigned first, n;
};

static unsigned depth(const struct serial *s)
{
	return (s->fcr & FCR_ENABLE) ? FIFO_SIZE : 1;
}

static unsigned trigger(const struct serial *s)
{
	static const uint8_t levels[4] = {1, 4, 8, 14};

	return (s->fcr & FCR_ENABLE) ? levels[s->fcr >> 6] : 1;
}

// The highest of the interrupts that are enabled and owed.
static uint8_t cause(const struct serial *s)
{
	if ((s->ier & IER_LINE) && s->overrun)
		return IIR_LINE;
	// Fewer than the trigger level have waited long enough by the time they are seen.
	if ((s->ier & IER_RX) && s->n > 0)
		return s->n >= trigger(s) ? IIR_RX : IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre)
		return IIR_THRE;
	if ((s->ier & IER_MSR) && (s->msr & ~MSR_LINES))
		return IIR_MSR;
	return IIR_NONE;
}

// Told with the lock held, so that levels arrive in the order they had.
static void update(struct serial *s)
{
	bool level = cause(s) != IIR_NONE;

	if (level == s->level)
		return;
	s->level = level;
	s->ops->interrupt(s->arg, level);
}

static void fifo_put(struct serial *s, uint8_t byte)
{
	if (s->n == depth(s)) {
		s->overrun = true;
		return;
	}
	s->fifo[(s->first + s->n++) % FIFO_SIZE] = byte;
}

static uint8_t fifo_take(struct serial *s)
{
	uint8_t byte;

	if (s->n == 0)
		return 0;
	byte = s->fifo[s->first];
	s->first = (s->first + 1) % FIFO_SIZE;
	s->n--;
	return byte;
}

// The modem lines: our end is always ready; looped back they are the guest's own.
static void set_lines(struct serial *s)
{
	uint8_t now = MSR_CTS | MSR_DSR | MSR_DCD, changed;

	if (s->mcr & MCR_LOOP)
		now = ((s->mcr & 0x02) ? MSR_CTS : 0) | ((s->mcr & 0x01) ? MSR_DSR : 0) |
		      ((s->mcr & 0x04) ? MSR_RI : 0) | ((s->mcr & 0x08) ? MSR_DCD : 0);
	changed = (now ^ s->msr) & MSR_LINES;
	if (now & MSR_RI)
		changed &= ~MSR_RI; // only its end is told
	s->msr = now | (s->msr & ~MSR_LINES) | changed >> 4;
}

static void set_registers(struct serial *s)
{
	s->ier = s->fcr = s->lcr = s->mcr = s->scratch = 0;
	s->divisor[0] = 12; // 9600
	s->divisor[1] = 0;
	s->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	s->thre = true;
	s->overrun = false;
	s->first = s->n = 0;
}

struct serial *serial_create(const struct serial_ops *ops, void *arg)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ops = ops;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	set_registers(s);
	return s;
}

void serial_destroy(struct serial *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

// With the lock: true if whoever types should be told of room.
static bool take_starved(struct serial *s)
{
	bool room = s->starved && s->n == 0 && (s->mcr & MCR_LOOP) == 0;

	if (room)
		s->starved = false;
	return room;
}

void serial_reset(struct serial *s)
{
	bool room;

	pthread_mutex_lock(&s->lock);
	set_registers(s);
	update(s);
	room = take_starved(s);
	pthread_mutex_unlock(&s->lock);
	if (room)
		s->ops->room(s->arg);
}

static void send(struct serial *s, uint8_t byte)
{
	if (s->mcr & MCR_LOOP)
		fifo_put(s, byte);
	else
		s->ops->output(s->arg, &byte, 1);
	s->thre = true;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	// Turning the FIFO on or off empties it, too.
	if (((value ^ s->fcr) & FCR_ENABLE) || (value & FCR_CLEAR_RX))
		s->first = s->n = 0;
	s->fcr = (value & FCR_ENABLE) ? value & 0xc1 : 0;
}

static void write_register(struct serial *s, unsigned reg, uint8_t value)
{
	if (reg <= REG_IER && (s->lcr & LCR_DLAB)) {
		s->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_DATA: send(s, value); break;
	case REG_IER:
		// Enabling it asks whether there is room: there is.
		if ((value & IER_THRE) && (s->ier & IER_THRE) == 0)
			s->thre = true;
		s->ier = value & 0x0f;
		break;
	case REG_IIR_FCR: write_fcr(s, value); break;
	case REG_LCR: s->lcr = value; break;
	case REG_MCR:
		s->mcr = value & MCR_MASK;
		set_lines(s);
		break;
	case REG_SCRATCH: s->scratch = value; break;
	default: break;
	}
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t value = cause(s);

	if (value == IIR_THRE)
		s->thre = false;
	return value | ((s->fcr & FCR_ENABLE) ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t value = LSR_IDLE | (s->n > 0 ? LSR_DATA : 0) | (s->overrun ? LSR_OVERRUN : 0);

	s->overrun = false;
	return value;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t value = s->msr;

	s->msr &= MSR_LINES;
	return value;
}

static uint8_t read_register(struct serial *s, unsigned reg)
{
	if (reg <= REG_IER && (s->lcr & LCR_DLAB))
		return s->divisor[reg];
	switch (reg) {
	case REG_DATA: return fifo_take(s);
	case REG_IER: return s->ier;
	case REG_IIR_FCR: return read_iir(s);
	case REG_LCR: return s->lcr;
	case REG_MCR: return s->mcr;
	case REG_LSR: return read_lsr(s);
	case REG_MSR: return read_msr(s);
	case REG_SCRATCH: return s->scratch;
	default: return 0xff;
	}
}

void serial_access(struct serial *s, unsigned reg, bool write, uint8_t *value)
{
	bool room;

	pthread_mutex_lock(&s->lock);
	if (write)
		write_register(s, reg, *value);
	else
		*value = read_register(s, reg);
	update(s);
	room = take_starved(s);
	pthread_mutex_unlock(&s->lock);
	if (room)
		s->ops->room(s->arg);
}

size_t serial_input(struct serial *s, const uint8_t *data, size_t len)
{
	size_t taken = 0;

	pthread_mutex_lock(&s->lock);
	// Looped back, the line outside is cut.
	if ((s->mcr & MCR_LOOP) == 0)
		while (taken < len && s->n < depth(s))
			fifo_put(s, data[taken++]);
	s->starved = taken < len;
	update(s);
	pthread_mutex_unlock(&s->lock);
	return taken;
}
