/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Ethernet, its tags, LLC, PPP, MPLS: src/packet/link.rs, tag.rs, ppp.rs, mpls.rs.
 */
#ifndef TOLLTAP_LINK_H
#define TOLLTAP_LINK_H

#include "ip.h"

#define T_IPV4 0x0800
#define T_IPV6 0x86dd
#define T_ARP 0x0806
#define T_TEB 0x6558
#define T_PPP 0x880b
#define T_VLAN 0x8100
#define T_SERVICE_VLAN 0x88a8
#define T_OLD_SERVICE_VLAN 0x9100
#define T_OLDER_SERVICE_VLAN 0x9200
#define T_MPLS 0x8847
#define T_MPLS_UPSTREAM 0x8848
#define T_PPPOE_SESSION 0x8864
#define T_MAC_SEC 0x88e5
#define T_MAC_IN_MAC 0x88e7
#define T_VN_TAG 0x8926
#define T_NSH 0x894f
#define T_ERSPAN 0x88be
#define T_ERSPAN_3 0x22eb
#define T_LLDP 0x88cc
#define T_SLOW 0x8809
/* Smaller values in the same place are lengths of 802.3 frames. */
#define T_FIRST 0x0600

/* Labels in one MPLS stack. */
#define MAX_LABELS 16

ALWAYS_INLINE long other(struct way *way)
{
	return verdict(way, DROP_OTHER);
}

/* Keeps apart what VLANs and virtual networks keep apart, as far as fragments are concerned. */
ALWAYS_INLINE void enter_domain(struct way *way, __u32 id)
{
	way->addresses.domain = (way->addresses.domain << 12 | way->addresses.domain >> 20) ^ id;
}

ALWAYS_INLINE long ethernet(struct __sk_buff *skb, struct way *way)
{
	if (header(skb, way, 14))
		return damaged(way);
	return onwards(way, 14, ETHER_TYPE, word(way->head + 12));
}

/* IEEE 802.2, with SNAP where both service access points say so; bridge-tunnel encapsulation is read like RFC 1042. */
ALWAYS_INLINE long llc(struct __sk_buff *skb, struct way *way)
{
	const __u8 *head = way->head;

	if (header(skb, way, 8))
		return way->partial ? damaged(way) : other(way);
	if (head[0] == 0x06 && head[1] == 0x06 && head[2] == 3)
		return onwards(way, 3, IP, 0);
	if (head[0] == 0xaa && head[1] == 0xaa && head[2] == 3 && !head[3] && !head[4] && (!head[5] || head[5] == 0xf8))
		return onwards(way, 8, ETHER_TYPE, word(head + 6));
	return other(way);
}

ALWAYS_INLINE long mac_sec(struct __sk_buff *skb, struct way *way)
{
	__u32 size;

	if (header(skb, way, 6))
		return damaged(way);
	if (way->head[0] & 0x80)
		return damaged(way);
	/* Encrypted, or changed. */
	if (way->head[0] & 0x0c)
		return verdict(way, DROP_OPAQUE);
	/* With a secure channel identifier, or without. */
	size = way->head[0] & 0x20 ? 14 : 6;
	if (copy(skb, way, way->at + size, way->head, 2))
		return damaged(way);
	return onwards(way, size + 2, ETHER_TYPE, word(way->head));
}

ALWAYS_INLINE long nsh(struct __sk_buff *skb, struct way *way)
{
	__u32 words;

	if (header(skb, way, 8))
		return damaged(way);
	words = way->head[1] & 0x3f;
	if (way->head[0] >> 6 || words < 2)
		return damaged(way);
	switch (way->head[3]) {
	case 1:
	case 2:
		return onwards(way, words * 4, IP, 0);
	case 3:
		return onwards(way, words * 4, ETHERNET, 0);
	case 5:
		return onwards(way, words * 4, MPLS, 0);
	default:
		return other(way);
	}
}

ALWAYS_INLINE long pppoe(struct __sk_buff *skb, struct way *way)
{
	if (header(skb, way, 6))
		return damaged(way);
	if (way->head[0] != 0x11)
		return damaged(way);
	/* Not in its session stage. */
	if (way->head[1])
		return other(way);
	onwards(way, 6, PPP, 0);
	limit(way, word(way->head + 4));
	return 0;
}

/* Address and control may be left out, and the protocol number may be one byte: an odd first byte is a whole number. */
ALWAYS_INLINE long ppp(struct __sk_buff *skb, struct way *way)
{
	__u16 protocol;

	if (!header(skb, way, 2) && way->head[0] == 0xff && way->head[1] == 0x03)
		way->at += 2;
	if (header(skb, way, 1))
		return damaged(way);
	protocol = way->head[0];
	if (protocol & 1) {
		way->at += 1;
	} else {
		if (header(skb, way, 2))
			return damaged(way);
		protocol = word(way->head);
		way->at += 2;
	}
	switch (protocol) {
	case 0x0021:
	case 0x0057:
		return onwards(way, 0, IP, 0);
	case 0x0281:
	case 0x0283:
		return onwards(way, 0, MPLS, 0);
	default:
		return other(way);
	}
}

WALKED_ONCE int ether_type(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	__u16 type = way->number;

	switch (type) {
	case T_IPV4:
	case T_IPV6:
		return ip(skb, way);
	case T_VLAN:
	case T_SERVICE_VLAN:
	case T_OLD_SERVICE_VLAN:
	case T_OLDER_SERVICE_VLAN:
		if (header(skb, way, 4))
			return damaged(way);
		/* A priority tag (id 0) names no VLAN, and may be on one direction only. */
		if (word(way->head) & 0x0fff)
			enter_domain(way, word(way->head) & 0x0fff);
		return onwards(way, 4, ETHER_TYPE, word(way->head + 2));
	case T_MPLS:
	case T_MPLS_UPSTREAM:
		return onwards(way, 0, MPLS, 0);
	case T_PPPOE_SESSION:
		return pppoe(skb, way);
	case T_PPP:
		return onwards(way, 0, PPP, 0);
	case T_TEB:
		return onwards(way, 0, ETHERNET, 0);
	case T_MAC_IN_MAC:
		if (header(skb, way, 4))
			return damaged(way);
		enter_domain(way, long_word(way->head) & 0x00ffffff);
		return onwards(way, 4, ETHERNET, 0);
	case T_MAC_SEC:
		return mac_sec(skb, way);
	case T_VN_TAG:
		if (header(skb, way, 6))
			return damaged(way);
		return onwards(way, 6, ETHER_TYPE, word(way->head + 4));
	case T_NSH:
		return onwards(way, 0, NSH, 0);
	default:
		if (type >= T_FIRST)
			return other(way);
		limit(way, type);
		return llc(skb, way);
	}
}

enum guess {
	NO,
	YES,
	UNSURE,
};

/* Whether an Ethernet header can be at `at`, by its EtherType and the first bytes behind it. Says yes to all that `is_plausible`
 * of src/packet/layer.rs says yes to. */
WALKED_ONCE int may_be_ethernet(struct __sk_buff *skb, struct way *way, __u32 at)
{
	if (!way)
		return 0;

	__u8 *head = way->head;

	if (copy(skb, way, at + 12, head, 5))
		return NO;
	switch (word(head)) {
	case T_IPV4:
		return head[2] >> 4 == 4;
	case T_IPV6:
		return head[2] >> 4 == 6;
	case T_ARP:
		return word(head + 2) == 1;
	case T_VLAN:
	case T_SERVICE_VLAN:
	case T_OLD_SERVICE_VLAN:
	case T_OLDER_SERVICE_VLAN:
	case T_TEB:
	case T_PPP:
	case T_NSH:
	case T_MPLS:
	case T_MPLS_UPSTREAM:
	case T_PPPOE_SESSION:
	case T_MAC_IN_MAC:
	case T_MAC_SEC:
	case T_VN_TAG:
	case T_LLDP:
	case T_SLOW:
		return YES;
	default:
		return word(head) >= 3 && word(head) < T_FIRST && head[2] == head[3] && head[4] == 3 &&
		       (head[2] == 0xaa || head[2] == 0x42 || head[2] == 0xfe);
	}
}

ALWAYS_INLINE int is_common(__u8 next_header)
{
	switch (next_header) {
	case P_HOP_BY_HOP:
	case P_IPV4:
	case P_TCP:
	case P_UDP:
	case P_IPV6:
	case P_ROUTING:
	case P_FRAGMENT:
	case P_GRE:
	case P_ESP:
	case P_AH:
	case P_ICMPV6:
	case P_NO_NEXT:
	case P_DESTINATION_OPTIONS:
	case P_SCTP:
		return 1;
	default:
		return 0;
	}
}

/* Whether an IP header is here, for layers that do not say what they carry: `is_plausible` of src/packet/ip.rs. That one adds
 * up the checksum of an IPv4 header whose length does not fit; this one asks whether an Ethernet header fits better. */
WALKED_ONCE int is_ip(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	const __u8 *head = way->head;
	__u32 length, here = wire_length(way);
	int fits;

	if (header(skb, way, 1))
		return NO;
	if (head[0] >> 4 == 6) {
		if (header(skb, way, 40))
			return NO;
		if (is_common(head[6]))
			return YES;
		length = word(head + 4);
		if (!length || length + 40 > here)
			return NO;
		return way->partial ? UNSURE : YES;
	}
	if (head[0] >> 4 != 4 || (head[0] & 0x0f) < 5 || header(skb, way, 20))
		return NO;
	length = word(head + 2);
	fits = length ? length <= here && length >= (head[0] & 0x0f) * 4 : head[9] == P_TCP;
	if (fits && !way->partial)
		return YES;
	if (!may_be_ethernet(skb, way, way->at))
		return YES;
	return way->partial ? UNSURE : NO;
}

/* What an MPLS label stack carries has to be guessed, as routers do (RFC 4928): an IP packet, or an Ethernet frame, perhaps
 * behind a control word (RFC 4448). */
WALKED_ONCE int mpls(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	int bottom = 0, plain, controlled;

	for (int label = 0; label < MAX_LABELS && !bottom; label++) {
		if (header(skb, way, 4))
			return damaged(way);
		bottom = way->head[2] & 1;
		way->at += 4;
	}
	if (!bottom)
		return verdict(way, UNDECIDED);
	switch (is_ip(skb, way)) {
	case YES:
		return onwards(way, 0, IP, 0);
	case UNSURE:
		return verdict(way, UNDECIDED);
	}
	if (header(skb, way, 1))
		return damaged(way);
	if (way->head[0] >> 4)
		return onwards(way, 0, ETHERNET, 0);
	plain = may_be_ethernet(skb, way, way->at);
	controlled = may_be_ethernet(skb, way, way->at + 4);
	if (plain && controlled)
		return verdict(way, UNDECIDED);
	return onwards(way, controlled ? 4 : 0, ETHERNET, 0);
}

#endif
