/* SPDX-License-Identifier: BSD-3-Clause */
// A TAP's virtio-net headers and what NDIS makes of the same facts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <hypervisor/soft/vnet.h>

static const struct vnet_caps all = {true, true, true, true};
static const struct vnet_caps none;

static uint8_t buffer[70000];
static uint8_t *frame;
static uint32_t len, l4;

static void put16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

// Folded sum of bytes, by the book.
static unsigned sum(const uint8_t *at, uint32_t n, unsigned start)
{
	unsigned long s = start;

	for (uint32_t i = 0; i < n; i++)
		s += i % 2 == 0 ? (unsigned)at[i] << 8 : at[i];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static unsigned pseudo(bool ip6, unsigned protocol, unsigned length)
{
	return ip6 ? sum(frame + 22, 32, protocol + length) : sum(frame + 26, 8, protocol + length);
}

// TCP or UDP over either, of that many bytes after the Ethernet header.
static void make(bool ip6, bool tcp, uint32_t ip_len)
{
	unsigned ip_header = ip6 ? 40 : 20, protocol = tcp ? 6 : 17;

	frame = buffer + 16;
	len = 14 + ip_len;
	l4 = 14 + ip_header;
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + 3);
	put16(frame + 12, ip6 ? 0x86dd : 0x0800);
	if (ip6) {
		frame[14] = 0x60;
		put16(frame + 18, ip_len - 40);
		frame[20] = protocol;
	} else {
		frame[14] = 0x45;
		put16(frame + 16, ip_len);
		put16(frame + 20, 0x4000);
		frame[23] = protocol;
	}
	if (tcp) {
		frame[l4 + 12] = 0x80; // options
		frame[l4 + 13] = 0x10;
	}
	put16(frame + l4 + (tcp ? 16 : 6), pseudo(ip6, protocol, len - l4));
}

static struct virtio_net_hdr needs_sum(bool tcp)
{
	return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = l4,
		.csum_offset = tcp ? 16 : 6};
}

static void a_plain_frame_asks_for_nothing(void **)
{
	struct virtio_net_hdr hdr = {};
	struct ndis_packet_info info;

	make(false, true, 100);
	assert_int_equal(vnet_to_ndis(&hdr, &all, &frame, &len, &info), 0);
	assert_int_equal(info.flags, 0);
	len = 13;
	assert_int_equal(vnet_to_ndis(&hdr, &all, &frame, &len, &info), -EINVAL);
}

static void sums_are_left_to_the_host(void **)
{
	for (unsigned i = 0; i < 4; i++) {
		bool ip6 = i & 1, tcp = i & 2;
		struct virtio_net_hdr hdr;
		struct ndis_packet_info info;
		uint8_t before[100];

		make(ip6, tcp, 86);
		memcpy(before, frame, 100);
		hdr = needs_sum(tcp);
		assert_int_equal(vnet_to_ndis(&hdr, &all, &frame, &len, &info), 0);
		assert_int_equal(
			info.flags, (ip6 ? NDIS_INFO_IP6 : NDIS_INFO_IP4) |
					    (tcp ? NDIS_INFO_CSUM_TCP : NDIS_INFO_CSUM_UDP));
		assert_int_equal(info.l4_offset, l4);
		assert_memory_equal(before, frame, 100);
	}
}

static void a_sum_the_host_does_not_do_is_done(void **)
{
	for (unsigned i = 0; i < 4; i++) {
		bool ip6 = i & 1, tcp = i & 2;
		struct virtio_net_hdr hdr;
		struct ndis_packet_info info;

		make(ip6, tcp, 87);
		hdr = needs_sum(tcp);
		assert_int_equal(vnet_to_ndis(&hdr, &none, &frame, &len, &info), 0);
		assert_int_equal(info.flags, 0);
		assert_int_equal(
			sum(frame + l4, len - l4, pseudo(ip6, tcp ? 6 : 17, len - l4)), 0xffff);
	}
}

static void a_tag_travels_beside_the_frame(void **)
{
	struct virtio_net_hdr hdr;
	struct ndis_packet_info info;

	make(false, true, 86);
	memmove(frame - 4, frame, 12);
	frame -= 4;
	memcpy(frame + 12, "\x81\x00\xa0\x14", 4);
	len += 4;
	hdr = needs_sum(true);
	hdr.csum_start += 4;
	assert_int_equal(vnet_to_ndis(&hdr, &all, &frame, &len, &info), 0);
	assert_int_equal(info.flags, NDIS_INFO_VLAN | NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP);
	assert_int_equal(info.vlan_tci, 0xa014);
	assert_int_equal(info.l4_offset, 34);
	assert_int_equal(len, 100);
	assert_int_equal(get16(frame + 12), 0x0800);
	assert_int_equal(frame[0], 3);
}

// guest-abi 13: no lengths, and a pseudo-header's sum without one.
static void lso_frames_have_no_lengths(void **)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct virtio_net_hdr hdr;
		struct ndis_packet_info info;

		make(ip6, true, 20000);
		hdr = needs_sum(true);
		hdr.gso_type = (ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4) |
		               VIRTIO_NET_HDR_GSO_ECN;
		hdr.gso_size = 1448;
		hdr.hdr_len = l4 + 32;
		assert_int_equal(vnet_to_ndis(&hdr, &all, &frame, &len, &info), 0);
		assert_int_equal(info.flags, NDIS_INFO_LSO | (ip6 ? NDIS_INFO_IP6 : NDIS_INFO_IP4));
		assert_int_equal(info.mss, 1448);
		assert_int_equal(info.l4_offset, l4);
		assert_int_equal(get16(frame + (ip6 ? 18 : 16)), 0);
		if (!ip6)
			assert_int_equal(get16(frame + 24), 0);
		assert_int_equal(get16(frame + l4 + 16), pseudo(ip6, 6, 0));
	}
}

static void contradictions_are_refused(void **)
{
	struct virtio_net_hdr good, hdr;
	struct ndis_packet_info info;

	make(false, true, 20000);
	good = needs_sum(true);
	good.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	good.gso_size = 1448;
	for (unsigned i = 0; i < 9; i++) {
		hdr = good;
		make(false, true, 20000);
		switch (i) {
		case 0: hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6; break;
		case 1: hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP; break;
		case 2: hdr.gso_size = 0; break;
		case 3: hdr.flags = 0; break;
		case 4: hdr.csum_offset = 6; break;
		case 5: hdr.csum_start = 20; break;
		case 6: hdr.csum_start = 1024; break;
		case 7: len = 40; break;
		case 8:
			hdr.gso_type = 0;
			hdr.csum_start = 65535;
			break;
		}
		assert_int_equal(vnet_to_ndis(&hdr, &all, &frame, &len, &info), -EINVAL);
	}
	assert_int_equal(vnet_to_ndis(&good, &none, &frame, &len, &info), -EINVAL);
}

static struct virtio_net_hdr to_kernel(uint32_t flags, uint32_t head, uint32_t mtu)
{
	struct ndis_packet_info info = {.flags = flags};
	struct iovec iov = {.iov_base = frame, .iov_len = head};
	struct virtio_net_hdr hdr;

	memset(&hdr, 0xee, sizeof(hdr));
	vnet_from_ndis(&hdr, &iov, len, &info, mtu);
	return hdr;
}

// "Good" says nothing about the bytes.
static void a_vouched_sum_is_one_to_be_finished(void **)
{
	for (unsigned i = 0; i < 4; i++) {
		bool ip6 = i & 1, tcp = i & 2;
		struct virtio_net_hdr hdr;

		make(ip6, tcp, 86);
		put16(frame + l4 + (tcp ? 16 : 6), 0xdead);
		hdr = to_kernel(tcp ? NDIS_INFO_TCP_GOOD : NDIS_INFO_UDP_GOOD, len, 1500);
		assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(hdr.csum_start, l4);
		assert_int_equal(hdr.csum_offset, tcp ? 16 : 6);
		assert_int_equal(hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(
			get16(frame + l4 + (tcp ? 16 : 6)), pseudo(ip6, tcp ? 6 : 17, len - l4));
	}
}

static void padding_is_not_summed(void **)
{
	struct virtio_net_hdr hdr;

	make(false, true, 45);
	len += 7;
	hdr = to_kernel(NDIS_INFO_TCP_GOOD, len, 1500);
	assert_int_equal(hdr.csum_start, 34);
	assert_int_equal(get16(frame + 50), pseudo(false, 6, 25));
}

static void nobody_vouched_so_the_kernel_looks(void **)
{
	static const uint32_t flags[] = {0, NDIS_INFO_TCP_BAD, NDIS_INFO_UDP_GOOD,
		NDIS_INFO_IP_GOOD, NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_BAD};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct virtio_net_hdr hdr, zero = {};

		make(false, true, 86);
		put16(frame + l4 + 16, 0xdead);
		hdr = to_kernel(flags[i], len, 1500);
		assert_memory_equal(&hdr, &zero, sizeof(hdr));
		assert_int_equal(get16(frame + l4 + 16), 0xdead);
	}
}

static void a_large_frame_may_be_cut_again(void **)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct virtio_net_hdr hdr;

		make(ip6, true, 30000);
		frame[l4 + 13] |= 0x80; // CWR
		hdr = to_kernel(NDIS_INFO_TCP_GOOD, 1500, 1500);
		assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(
			hdr.gso_type, (ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4) |
					      VIRTIO_NET_HDR_GSO_ECN);
		assert_int_equal(hdr.gso_size, 1500 - (ip6 ? 40 : 20) - 32);
		assert_int_equal(hdr.hdr_len, l4 + 32);
		assert_int_equal(get16(frame + l4 + 16), pseudo(ip6, 6, len - l4));
		hdr = to_kernel(NDIS_INFO_TCP_GOOD, 1500, 30000);
		assert_int_equal(hdr.gso_type, 0);
	}
}

static void what_is_no_whole_packet_is_left_alone(void **)
{
	struct virtio_net_hdr hdr, zero = {};

	for (unsigned i = 0; i < 7; i++) {
		make(i >= 5, true, 86);
		switch (i) {
		case 0: put16(frame + 20, 0x2000); break; // a fragment
		case 1: put16(frame + 20, 0x0001); break;
		case 2: put16(frame + 16, 87); break; // longer than the frame
		case 3: frame[14] = 0x44; break;
		case 4: len = 40; break;
		case 5: put16(frame + 18, 47); break;
		case 6: frame[20] = 60, frame[54] = 60, frame[55] = 255; break;
		}
		hdr = to_kernel(NDIS_INFO_TCP_GOOD, len, 1500);
		assert_memory_equal(&hdr, &zero, sizeof(hdr));
	}
	make(false, false, 60); // a datagram without a sum
	put16(frame + 40, 0);
	hdr = to_kernel(NDIS_INFO_UDP_GOOD, len, 1500);
	assert_memory_equal(&hdr, &zero, sizeof(hdr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_frame_asks_for_nothing),
		cmocka_unit_test(sums_are_left_to_the_host),
		cmocka_unit_test(a_sum_the_host_does_not_do_is_done),
		cmocka_unit_test(a_tag_travels_beside_the_frame),
		cmocka_unit_test(lso_frames_have_no_lengths),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(a_vouched_sum_is_one_to_be_finished),
		cmocka_unit_test(padding_is_not_summed),
		cmocka_unit_test(nobody_vouched_so_the_kernel_looks),
		cmocka_unit_test(a_large_frame_may_be_cut_again),
		cmocka_unit_test(what_is_no_whole_packet_is_left_alone),
	};

	return cmocka_run_group_tests_name("soft_vnet", tests, NULL, NULL);
}
