/* SPDX-License-Identifier: BSD-3-Clause */
// hv-nbd: a disk of a guest's over its network card, for a root file system. It needs no library
// and no file once it runs, because both would be on that disk.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "negotiate.h"

enum {
	NBD_MAJOR = 43,
	CONNECT_SECONDS = 3,
	ANSWER_SECONDS = 10,
	SILENCE_MS = 20000, // unacknowledged for so long: gone, another connection may do better
	SAY_AGAIN = 30,     // seconds between two lines about the same trouble
};

struct options {
	const char *server;
	const char *name;
	const char *device;
	uint16_t port;
	bool disconnect;
	bool read_only;
};

static const char usage[] =
	"Usage: hv-nbd [--port PORT] [--read-only] SERVER NAME DEVICE\n"
	"       hv-nbd --disconnect DEVICE\n"
	"\n"
	"Makes the export NAME of an NBD server the block device DEVICE (/dev/nbd0), and stays "
	"behind\n"
	"to connect again whenever the connection is lost; until then what is read and written "
	"waits.\n"
	"\n"
	"  -p, --port PORT    of the server; 10809 if not said\n"
	"  -r, --read-only    even if the server would take writes\n"
	"  -d, --disconnect   take leave of the server; the device is empty then\n"
	"  -h, --help         this text\n"
	"\n"
	"SERVER is an IPv4 or IPv6 address. NAME may be '' for the server's default export.\n"
	"Exit code: 0 the device is ready, 1 it is not, 2 wrong arguments.\n";

static struct sockaddr_in6 server_address; // or an IPv4 one

static socklen_t read_address(const struct options *o)
{
	struct sockaddr_in *ip4 = (struct sockaddr_in *)&server_address;

	server_address = (struct sockaddr_in6){.sin6_port = htons(o->port)};
	if (inet_pton(AF_INET6, o->server, &server_address.sin6_addr) == 1) {
		server_address.sin6_family = AF_INET6;
		return sizeof(server_address);
	}
	server_address.sin6_port = 0;
	*ip4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(o->port)};
	return inet_pton(AF_INET, o->server, &ip4->sin_addr) == 1 ? sizeof(*ip4) : 0;
}

static const char *remedy(int err)
{
	switch (err) {
	case ECONNREFUSED: return "; is the NBD server running, and listening on that address?";
	case EINPROGRESS:
	case EAGAIN:
	case EHOSTUNREACH:
	case ETIMEDOUT: return "; is the switch up, and does its host port have that address?";
	case ENETUNREACH: return "; has this guest an address (hv.ip=)?";
	}
	return "";
}

static void set_seconds(int sock, int option, int seconds)
{
	const struct timeval tv = {.tv_sec = seconds};

	setsockopt(sock, SOL_SOCKET, option, &tv, sizeof(tv));
}

static void set_number(int sock, int level, int option, int value)
{
	setsockopt(sock, level, option, &value, sizeof(value));
}

// A socket that is ready for the kernel, or -1 and a sentence.
static int reach(const struct options *o, struct nbd_export *export, char *why, size_t why_size)
{
	const socklen_t len = read_address(o);
	int sock, err;

	sock = socket(server_address.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		snprintf(why, why_size, "no socket: %s", strerror(errno));
		return -1;
	}
	// A connect ends by this time, too.
	set_seconds(sock, SO_SNDTIMEO, CONNECT_SECONDS);
	set_seconds(sock, SO_RCVTIMEO, ANSWER_SECONDS);
	if (connect(sock, (const struct sockaddr *)&server_address, len) < 0) {
		err = errno;
		snprintf(why, why_size, "%s port %u: %s%s", o->server, o->port,
			err == EINPROGRESS || err == EAGAIN ? "no answer" : strerror(err),
			remedy(err));
		close(sock);
		return -1;
	}
	err = nbd_negotiate(sock, o->name, export, why, why_size);
	if (err < 0) {
		close(sock);
		return -1;
	}
	set_seconds(sock, SO_SNDTIMEO, 0);
	set_seconds(sock, SO_RCVTIMEO, 0);
	set_number(sock, IPPROTO_TCP, TCP_NODELAY, 1);
	set_number(sock, IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_MS);
	set_number(sock, IPPROTO_TCP, TCP_KEEPIDLE, 10);
	set_number(sock, IPPROTO_TCP, TCP_KEEPINTVL, 5);
	set_number(sock, SOL_SOCKET, SO_KEEPALIVE, 1);
	return sock;
}

// The kernel's log reaches the console and stays when this program's terminal does not.
__attribute__((format(printf, 2, 3))) static void say(int log, const char *format, ...)
{
	char line[512] = "<3>hv-nbd: ";
	const size_t head = strlen(line);
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line + head, sizeof(line) - head, format, args);
	va_end(args);
	if (len < 0)
		return;
	len = strlen(line);
	if (write(log, line, len) < 0)
		return;
}

// Until there is another connection to the same disk. False: nobody wants one any more.
static bool reach_again(
	const struct options *o, struct nbd_device *dev, const struct nbd_export *first, int log)
{
	char why[256], said[256] = "";
	struct nbd_export export;
	time_t said_at = 0;

	for (;;) {
		const int sock = reach(o, &export, why, sizeof(why));
		const time_t now = time(NULL);

		if (sock >= 0 && export.size == first->size) {
			const int rc = nbd_device_reconnect(dev, sock);

			close(sock);
			if (rc == 0)
				return true;
			if (rc == -EINVAL)
				return false;
			snprintf(why, sizeof(why), "the kernel does not take the connection: %s",
				strerror(-rc));
		} else if (sock >= 0) {
			close(sock);
			snprintf(why, sizeof(why),
				"'%s' is %llu bytes now, it was %llu: not the same disk", o->name,
				(unsigned long long)export.size, (unsigned long long)first->size);
		}
		if (strcmp(why, said) != 0 || now - said_at >= SAY_AGAIN) {
			say(log, "%s: still waiting: %s\n", o->device, why);
			strcpy(said, why);
			said_at = now;
		}
		sleep(1);
	}
}

static int stay(const struct options *o, struct nbd_device *dev, const struct nbd_export *export)
{
	const int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	const int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (adjust >= 0) {
		if (write(adjust, "-1000", 5) < 0)
			say(log, "cannot hide from the OOM killer: %s\n", strerror(errno));
		close(adjust);
	}
	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN); // a root file system outlives the programs on it
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	while (nbd_device_await_loss(dev) == 0) {
		say(log, "%s: connection to %s port %u lost; what is read and written waits\n",
			o->device, o->server, o->port);
		if (!reach_again(o, dev, export, log))
			return 0;
		say(log, "%s: connected again\n", o->device);
	}
	return 1;
}

static int take(const struct options *o, struct nbd_device *dev, char *own_name)
{
	struct nbd_export export;
	char why[256];
	pid_t pid;
	int sock, rc;

	sock = reach(o, &export, why, sizeof(why));
	if (sock < 0) {
		fprintf(stderr, "hv-nbd: %s\n", why);
		return 1;
	}
	if (o->read_only)
		export.flags |= NBD_TRANSMIT_READ_ONLY;
	rc = nbd_device_connect(dev, &export, sock);
	close(sock);
	if (rc < 0) {
		fprintf(stderr, "hv-nbd: %s: %s\n", o->device,
			rc == -EBUSY ? "is connected already" : strerror(-rc));
		return 1;
	}
	printf("hv-nbd: %s is '%s' of %s port %u, %llu MiB%s\n", o->device, o->name, o->server,
		o->port, (unsigned long long)(export.size + 0xfffff) >> 20,
		export.flags & NBD_TRANSMIT_READ_ONLY ? ", read only" : "");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fprintf(stderr, "hv-nbd: will not connect again: %s\n", strerror(errno));
	if (pid != 0)
		return 0;
	// systemd takes this as: not to be killed when all else is.
	own_name[0] = '@';
	return stay(o, dev, &export);
}

static int wrong(const char *text, const char *argument)
{
	fprintf(stderr, "hv-nbd: %s%s\nTry 'hv-nbd --help'.\n", text, argument);
	return 2;
}

// 0, or an exit code.
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"port", required_argument, NULL, 'p'},
		{"read-only", no_argument, NULL, 'r'},
		{"disconnect", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	unsigned long port;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "p:rdh", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			port = strtoul(optarg, &end, 10);
			if (*end != '\0' || port < 1 || port > 65535)
				return wrong("not a port: ", optarg);
			o->port = port;
			break;
		case 'r': o->read_only = true; break;
		case 'd': o->disconnect = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: return wrong("see above", "");
		}
	}
	argc -= optind;
	argv += optind;
	if (argc != (o->disconnect ? 1 : 3))
		return wrong("wrong number of arguments", "");
	o->device = argv[argc - 1];
	if (!o->disconnect) {
		o->server = argv[0];
		o->name = argv[1];
		if (read_address(o) == 0)
			return wrong("not an address: ", o->server);
	}
	return 0;
}

// The N of /dev/nbdN, or -1 and a line.
static int device_index(const char *device)
{
	const char *slash = strrchr(device, '/');
	struct stat st;
	unsigned index;
	char rest;

	if (stat(device, &st) < 0) {
		fprintf(stderr, "hv-nbd: %s: %s; is the module nbd loaded?\n", device,
			strerror(errno));
		return -1;
	}
	if (S_ISBLK(st.st_mode) && major(st.st_rdev) == NBD_MAJOR && slash != NULL &&
		sscanf(slash, "/nbd%u%c", &index, &rest) == 1 && index < 1024)
		return index;
	fprintf(stderr, "hv-nbd: %s: is no /dev/nbdN\n", device);
	return -1;
}

int main(int argc, char **argv)
{
	struct options o = {.port = 10809};
	struct nbd_device dev;
	int rc, index;

	rc = read_options(argc, argv, &o);
	if (rc != 0)
		return rc;
	index = device_index(o.device);
	if (index < 0)
		return 1;
	rc = nbd_device_open(&dev, index);
	if (rc < 0) {
		fprintf(stderr, "hv-nbd: nbd in the kernel: %s; is the module nbd loaded?\n",
			strerror(-rc));
		return 1;
	}
	if (!o.disconnect)
		return take(&o, &dev, argv[0]);
	rc = nbd_device_disconnect(&dev);
	if (rc < 0)
		fprintf(stderr, "hv-nbd: %s: %s\n", o.device, strerror(-rc));
	nbd_device_close(&dev);
	return rc < 0 ? 1 : 0;
}
