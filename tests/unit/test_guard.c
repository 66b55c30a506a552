/* SPDX-License-Identifier: BSD-3-Clause */
// A call that somebody else has made block ends all the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vswitch/guard.h>

// A hypervisor can make the interrupt's eventfd block and fill it.
static void main_thread_does_not_hang_in_an_interrupt(void **)
{
	const uint64_t most = UINT64_MAX - 1, one = 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	guard_enter();
	assert_int_equal(write(fd, &one, sizeof(one)), -1);
	assert_int_equal(errno, EINTR);
	assert_true(guard_leave());
	guard_enter();
	assert_false(guard_leave());
	close(fd);
}

static int start(void **)
{
	return guard_start();
}

static int stop(void **)
{
	guard_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(main_thread_does_not_hang_in_an_interrupt),
	};

	return cmocka_run_group_tests_name("guard", tests, start, stop);
}
