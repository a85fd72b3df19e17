/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * IP headers, IPv6 extension headers and fragments: src/packet/ip.rs.
 */
#ifndef TOLLTAP_IP_H
#define TOLLTAP_IP_H

#include "way.h"

/* IP headers inside each other, as in src/packet/peel.rs. */
#define MAX_IP_HEADERS 8
/* Longest datagram. */
#define LONGEST 65535

#define P_HOP_BY_HOP 0
#define P_ICMP 1
#define P_IPV4 4
#define P_TCP 6
#define P_UDP 17
#define P_IPV6 41
#define P_ROUTING 43
#define P_FRAGMENT 44
#define P_GRE 47
#define P_ESP 50
#define P_AH 51
#define P_ICMPV6 58
#define P_NO_NEXT 59
#define P_DESTINATION_OPTIONS 60
#define P_ETHERIP 97
#define P_SCTP 132
#define P_MOBILITY 135
#define P_MPLS 137
#define P_HIP 139
#define P_SHIM6 140
#define P_WRAPPED_ESP 141
#define P_ETHERNET 143

/* What became of a datagram's first fragment, and when. */
struct fragment_verdict {
	__u64 time;
	__u64 passed;
};

/* The first fragments seen lately. At the bound the least recently used goes; its other fragments are then passed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment_verdict);
} fragments SEC(".maps");

/* How long a drop is remembered. An id comes again after 65 536 datagrams of one pair of hosts: in less than this only where
 * they send more fragmented datagrams than one link carries. */
#define FRAGMENT_AGE 1000000000ull

/* A fragment at `at`: the first is looked into, and its verdict kept for the others. Another goes the way of the first; where
 * that is not known, because it has not come yet or was forgotten, it is passed. */
ALWAYS_INLINE long fragment(struct way *way, __u32 offset, __u32 id, __u8 next)
{
	struct fragment_verdict *first;

	/* A fragment inside a first fragment: too rare to keep two verdicts. */
	if (way->partial)
		return verdict(way, UNDECIDED);
	way->fragment.addresses = way->addresses;
	way->fragment.id = id;
	way->fragment.protocol = way->addresses.version == 4 ? next : 0;
	if (!offset) {
		way->partial = 1;
		way->wire = way->at + LONGEST;
		return onwards(way, 0, PROTOCOL, next);
	}
	first = bpf_map_lookup_elem(&fragments, &way->fragment);
	if (first && !first->passed && bpf_ktime_get_ns() - first->time < FRAGMENT_AGE)
		return verdict(way, DROP_FRAGMENT);
	return verdict(way, FRAGMENT);
}

/* Keeps what became of a first fragment. A copy of it, or another datagram of the same id, can only turn a drop into a pass. */
ALWAYS_INLINE void keep_verdict(struct way *way)
{
	struct fragment_verdict *known = bpf_map_lookup_elem(&fragments, &way->fragment);
	struct fragment_verdict now = { .time = bpf_ktime_get_ns(), .passed = way->reason <= LAST_PASS };

	if (known && known->passed && now.time - known->time < FRAGMENT_AGE)
		now.passed = 1;
	bpf_map_update_elem(&fragments, &way->fragment, &now, BPF_ANY);
}

ALWAYS_INLINE long ipv4(struct __sk_buff *skb, struct way *way)
{
	const __u8 *head = way->head;
	__u32 size, length, fragmented;

	if (header(skb, way, 20))
		return damaged(way);
	size = (head[0] & 0x0f) * 4;
	length = word(head + 2);
	if (size < 20 || way->at + size > way->end || (length && length < size))
		return damaged(way);
	/* 0: captured on the sender before its network card cut it (TCP segmentation offload). */
	if (length)
		claim(way, length);
	way->addresses.version = 4;
	__builtin_memset(way->addresses.source, 0, 32);
	__builtin_memcpy(&way->addresses.source[0], head + 12, 4);
	__builtin_memcpy(&way->addresses.destination[0], head + 16, 4);
	onwards(way, size, PROTOCOL, head[9]);
	fragmented = word(head + 6) & 0x3fff;
	if (fragmented)
		return fragment(way, fragmented & 0x1fff, word(head + 4), head[9]);
	return 0;
}

ALWAYS_INLINE long ipv6(struct __sk_buff *skb, struct way *way)
{
	const __u8 *head = way->head;

	if (header(skb, way, 40))
		return damaged(way);
	/* 0: a jumbogram, or segmentation offload. */
	onwards(way, 40, PROTOCOL, head[6]);
	if (word(head + 4))
		claim(way, word(head + 4));
	way->addresses.version = 6;
	__builtin_memcpy(way->addresses.source, head + 8, 32);
	return 0;
}

/* The header that the first nibble announces. */
WALKED_ONCE int ip(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	if (++way->ip_headers > MAX_IP_HEADERS)
		return verdict(way, UNDECIDED);
	if (header(skb, way, 1))
		return damaged(way);
	switch (way->head[0] >> 4) {
	case 4:
		return ipv4(skb, way);
	case 6:
		return ipv6(skb, way);
	default:
		return damaged(way);
	}
}

/* An IPv6 extension header of the usual form. */
ALWAYS_INLINE long extension(struct __sk_buff *skb, struct way *way)
{
	__u32 size;

	if (header(skb, way, 2))
		return damaged(way);
	size = (way->head[1] + 1) * 8;
	if (wire_length(way) < size)
		return damaged(way);
	return onwards(way, size, PROTOCOL, way->head[0]);
}

/* A routing header names the final destination while the packet is on its way to another: the two directions of a
 * conversation only meet under the final one. */
ALWAYS_INLINE long routing(struct __sk_buff *skb, struct way *way)
{
	__u32 at = 8;

	if (header(skb, way, 4))
		return extension(skb, way);
	if (way->head[2] == 0)
		at = way->head[1] ? way->head[1] * 8 - 8 : 0;
	if (way->head[3] && at && (way->head[2] == 0 || way->head[2] == 2 || way->head[2] == 4))
		copy(skb, way, way->at + at, way->addresses.destination, 16);
	return extension(skb, way);
}

ALWAYS_INLINE long fragment_header(struct __sk_buff *skb, struct way *way)
{
	__u16 field;
	__u8 next;

	if (header(skb, way, 8))
		return damaged(way);
	next = way->head[0];
	field = word(way->head + 2);
	onwards(way, 8, PROTOCOL, next);
	/* An atomic fragment (RFC 6946) is a whole datagram. */
	if (!(field & 0xfff9))
		return 0;
	return fragment(way, field & 0xfff8, long_word(way->head + 4), next);
}

#endif
