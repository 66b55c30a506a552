/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>

#include "device.h"

enum {
	// Seconds that requests wait for another socket: 23 days, the most that a kernel with
	// 32 bits and 1000 ticks a second can count.
	PATIENCE = 2000000,
	// Seconds after which an unanswered request is sent anew, over another connection: what
	// was under way when one was lost waits for that.
	ANSWER_TIME = 15,
	MESSAGE_MAX = 8192,
};

struct message {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	uint8_t attributes[MESSAGE_MAX];
};

static void begin(struct nbd_device *dev, struct message *m, uint16_t type, uint8_t command,
	uint8_t version, uint16_t flags)
{
	m->nl = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(sizeof(m->genl)),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = ++dev->sequence,
	};
	m->genl = (struct genlmsghdr){.cmd = command, .version = version};
}

// `len` 0 begins a nest; its length is set when it ends.
static struct nlattr *put(struct message *m, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr *a = (struct nlattr *)((uint8_t *)m + m->nl.nlmsg_len);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memset(a + 1, 0, NLA_ALIGN(len));
	memcpy(a + 1, data, len);
	m->nl.nlmsg_len += NLA_ALIGN(a->nla_len);
	return a;
}

static void end_nest(struct message *m, struct nlattr *nest)
{
	nest->nla_type |= NLA_F_NESTED;
	nest->nla_len = (uint8_t *)m + m->nl.nlmsg_len - (uint8_t *)nest;
}

static void put_u32(struct message *m, uint16_t type, uint32_t value)
{
	put(m, type, &value, sizeof(value));
}

static void put_u64(struct message *m, uint16_t type, uint64_t value)
{
	put(m, type, &value, sizeof(value));
}

static void put_socket(struct message *m, int sock)
{
	struct nlattr *sockets = put(m, NBD_ATTR_SOCKETS, "", 0);
	struct nlattr *item = put(m, NBD_SOCK_ITEM, "", 0);

	put_u32(m, NBD_SOCK_FD, sock);
	end_nest(m, item);
	end_nest(m, sockets);
}

// The attribute of a type among `len` bytes, or NULL.
static const struct nlattr *find(const void *first, size_t len, uint16_t type)
{
	const uint8_t *at = first, *end = at + len;

	while ((size_t)(end - at) >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const struct nlattr *)at;

		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - at)
			break;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (NLA_ALIGN(a->nla_len) > end - at)
			break;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static size_t attributes_len(const struct message *m)
{
	size_t head = NLMSG_LENGTH(sizeof(m->genl));

	return m->nl.nlmsg_len > head ? m->nl.nlmsg_len - head : 0;
}

static int receive(struct nbd_device *dev, struct message *m)
{
	ssize_t len = recv(dev->netlink, m, sizeof(*m), 0);

	if (len < 0)
		return -errno;
	if (len < (ssize_t)NLMSG_HDRLEN || m->nl.nlmsg_len > (size_t)len)
		return -EPROTO;
	return 0;
}

// Sends and takes what comes until the kernel said yes or no to just this. An answer with
// attributes is kept in `answer`. Losses that are told meanwhile are not lost on us: whoever
// calls looks at the device anew afterwards.
static int talk(struct nbd_device *dev, const struct message *m, struct message *answer)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct message got;
	int rc;

	if (sendto(dev->netlink, m, m->nl.nlmsg_len, 0, (const struct sockaddr *)&kernel,
		    sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		rc = receive(dev, &got);
		if (rc == -EINTR || rc == -ENOBUFS)
			continue;
		if (rc < 0)
			return rc;
		if (got.nl.nlmsg_seq != m->nl.nlmsg_seq)
			continue;
		if (got.nl.nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(&got.nl))->error;
		if (answer != NULL)
			*answer = got;
	}
}

static int join(struct nbd_device *dev, const struct nlattr *groups)
{
	const size_t len = groups->nla_len - NLA_HDRLEN;
	const struct nlattr *group = find(groups + 1, len, 1), *id;
	uint32_t number;

	// There is one group, of the number 1: NBD_GENL_MCAST_GROUP_NAME.
	if (group == NULL)
		return -EPROTO;
	id = find(group + 1, group->nla_len - NLA_HDRLEN, CTRL_ATTR_MCAST_GRP_ID);
	if (id == NULL || id->nla_len < NLA_HDRLEN + sizeof(number))
		return -EPROTO;
	memcpy(&number, id + 1, sizeof(number));
	if (setsockopt(dev->netlink, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof(number)) <
		0)
		return -errno;
	return 0;
}

int nbd_device_open(struct nbd_device *dev, uint32_t index)
{
	const struct nlattr *id, *groups;
	struct message m, answer = {0};
	int rc;

	*dev = (struct nbd_device){.index = index};
	dev->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (dev->netlink < 0)
		return -errno;
	begin(dev, &m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_ACK);
	put(&m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof(NBD_GENL_FAMILY_NAME));
	rc = talk(dev, &m, &answer);
	if (rc < 0)
		goto close;
	id = find(answer.attributes, attributes_len(&answer), CTRL_ATTR_FAMILY_ID);
	groups = find(answer.attributes, attributes_len(&answer), CTRL_ATTR_MCAST_GROUPS);
	rc = -EPROTO;
	if (id == NULL || id->nla_len < NLA_HDRLEN + sizeof(dev->family) || groups == NULL)
		goto close;
	memcpy(&dev->family, id + 1, sizeof(dev->family));
	rc = join(dev, groups);
	if (rc == 0)
		return 0;
close:
	close(dev->netlink);
	return rc;
}

void nbd_device_close(struct nbd_device *dev)
{
	close(dev->netlink);
}

int nbd_device_connect(struct nbd_device *dev, const struct nbd_export *export, int sock)
{
	struct message m;

	begin(dev, &m, dev->family, NBD_CMD_CONNECT, NBD_GENL_VERSION, NLM_F_ACK);
	put_u32(&m, NBD_ATTR_INDEX, dev->index);
	put_u64(&m, NBD_ATTR_SIZE_BYTES, export->size);
	put_u64(&m, NBD_ATTR_BLOCK_SIZE_BYTES, export->block_size);
	put_u64(&m, NBD_ATTR_SERVER_FLAGS, export->flags);
	put_u64(&m, NBD_ATTR_TIMEOUT, ANSWER_TIME);
	put_u64(&m, NBD_ATTR_DEAD_CONN_TIMEOUT, PATIENCE);
	put_socket(&m, sock);
	return talk(dev, &m, NULL);
}

int nbd_device_reconnect(struct nbd_device *dev, int sock)
{
	struct message m;

	begin(dev, &m, dev->family, NBD_CMD_RECONFIGURE, NBD_GENL_VERSION, NLM_F_ACK);
	put_u32(&m, NBD_ATTR_INDEX, dev->index);
	put_u64(&m, NBD_ATTR_DEAD_CONN_TIMEOUT, PATIENCE);
	put_socket(&m, sock);
	return talk(dev, &m, NULL);
}

int nbd_device_disconnect(struct nbd_device *dev)
{
	struct message m;

	begin(dev, &m, dev->family, NBD_CMD_DISCONNECT, NBD_GENL_VERSION, NLM_F_ACK);
	put_u32(&m, NBD_ATTR_INDEX, dev->index);
	return talk(dev, &m, NULL);
}

int nbd_device_await_loss(struct nbd_device *dev)
{
	const struct nlattr *index;
	struct message m;
	uint32_t number;
	int rc;

	for (;;) {
		rc = receive(dev, &m);
		if (rc == -EINTR)
			continue;
		if (rc == -ENOBUFS) // something was told that had no room: perhaps this
			return 0;
		if (rc < 0)
			return rc;
		if (m.nl.nlmsg_type != dev->family || m.genl.cmd != NBD_CMD_LINK_DEAD)
			continue;
		index = find(m.attributes, attributes_len(&m), NBD_ATTR_INDEX);
		if (index == NULL || index->nla_len < NLA_HDRLEN + sizeof(number))
			continue;
		memcpy(&number, index + 1, sizeof(number));
		if (number == dev->index)
			return 0;
	}
}
