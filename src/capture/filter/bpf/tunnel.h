/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What IP and UDP carry that is no transport payload: src/packet/gre.rs, udp_tunnel.rs, esp.rs.
 */
#ifndef TOLLTAP_TUNNEL_H
#define TOLLTAP_TUNNEL_H

#include "link.h"
#include "start.h"

#define U_L2TP 1701
#define U_GTP_U 2152
#define U_ESP 4500
#define U_VXLAN 4789
#define U_VXLAN_GPE 4790
#define U_GENEVE 6081
#define U_MPLS 6635
#define U_VXLAN_LINUX 8472

/* Source route entries of RFC 1701, and extension headers of a GTP-U packet. */
#define MAX_ROUTES 8
#define MAX_EXTENSIONS 8

WALKED_ONCE int gre(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	__u8 *head = way->head;
	__u32 flags, size = 4;
	__u16 protocol;

	if (header(skb, way, 4))
		return damaged(way);
	flags = word(head);
	protocol = word(head + 2);
	if ((flags & 7) > 1)
		return damaged(way);
	/* Checksum or routing; key; sequence; in version 1 (RFC 2637), acknowledgement. */
	if (!(flags & 7) && flags & 0xc000)
		size += 4;
	if (flags & 0x2000)
		size += 4;
	if (flags & 0x1000)
		size += 4;
	if (flags & 7 && flags & 0x0080)
		size += 4;
	way->at += size;
	if (!(flags & 7) && flags & 0x4000) {
		int left = 1;

		for (int route = 0; route < MAX_ROUTES && left; route++) {
			if (header(skb, way, 4))
				return damaged(way);
			left = head[3];
			way->at += 4 + head[3];
		}
		if (left)
			return damaged(way);
	}
	/* A bare PPTP acknowledgement, or a keep-alive's answer. */
	if (!wire_length(way))
		return other(way);
	if (protocol == T_ERSPAN)
		return onwards(way, 0, flags & 0x1000 ? ERSPAN_2 : ERSPAN_1, 0);
	if (protocol == T_ERSPAN_3)
		return onwards(way, 0, ERSPAN_3, 0);
	if (protocol < T_FIRST)
		return other(way);
	return onwards(way, 0, ETHER_TYPE, protocol);
}

ALWAYS_INLINE long erspan_2(struct __sk_buff *skb, struct way *way)
{
	if (header(skb, way, 8))
		return damaged(way);
	/* Some switches send type I with a GRE sequence number: the frame then begins at once. */
	return onwards(way, way->head[0] >> 4 == 1 ? 8 : 0, ETHERNET, 0);
}

ALWAYS_INLINE long erspan_3(struct __sk_buff *skb, struct way *way)
{
	const __u8 *head = way->head;

	if (header(skb, way, 12) || head[0] >> 4 != 2)
		return damaged(way);
	switch (head[10] >> 2 & 0x1f) {
	case 0:
		return onwards(way, head[11] & 1 ? 20 : 12, ETHERNET, 0);
	case 2:
		return onwards(way, head[11] & 1 ? 20 : 12, IP, 0);
	default:
		return other(way);
	}
}

/* The tunnels over UDP: 0 to go on inside, 1 where the header is not that of a tunnel. Unlike src/packet/udp_tunnel.rs they do
 * not ask whether what is inside looks like a frame or a packet: a payload that might be SIP was passed before. */

ALWAYS_INLINE long vxlan(struct __sk_buff *skb, struct way *way, int needs_vni)
{
	const __u8 *head = way->head;

	if (header(skb, way, 8) || head[0] & 0x30 || (needs_vni && !(head[0] & 0x08)))
		return 1;
	if (head[0] & 0x08)
		enter_domain(way, long_word(head + 4) >> 8);
	/* Without the P flag it carries Ethernet. */
	switch (head[0] & 0x04 ? head[3] : 3) {
	case 1:
	case 2:
		return onwards(way, 8, IP, 0);
	case 3:
		return onwards(way, 8, ETHERNET, 0);
	case 4:
		return onwards(way, 8, NSH, 0);
	case 5:
		return onwards(way, 8, MPLS, 0);
	default:
		return 1;
	}
}

ALWAYS_INLINE long geneve(struct __sk_buff *skb, struct way *way)
{
	const __u8 *head = way->head;

	/* Version 0, and no flag but that of critical options. */
	if (header(skb, way, 8) || head[0] >> 6 || head[1] & ~0x40)
		return 1;
	enter_domain(way, long_word(head + 4) >> 8);
	return onwards(way, 8 + (head[0] & 0x3f) * 4, ETHER_TYPE, word(head + 2));
}

ALWAYS_INLINE long gtp_u(struct __sk_buff *skb, struct way *way)
{
	__u8 *head = way->head;
	__u8 flags, extension = 0;

	/* Version 1, protocol type GTP, spare bit unset, T-PDU. */
	if (header(skb, way, 8) || (head[0] & 0xf8) != 0x30 || head[1] != 255 || wire_length(way) < 8 + word(head + 2))
		return 1;
	flags = head[0];
	way->at += 8;
	limit(way, word(head + 2));
	if (flags & 0x07) {
		if (header(skb, way, 4))
			return 1;
		if (flags & 0x04)
			extension = head[3];
		way->at += 4;
		for (int left = 0; left < MAX_EXTENSIONS && extension; left++) {
			__u32 size;

			if (header(skb, way, 1) || !head[0])
				return 1;
			size = head[0] * 4;
			if (copy(skb, way, way->at + size - 1, head, 1))
				return 1;
			extension = head[0];
			way->at += size;
		}
		if (extension)
			return 1;
	}
	switch (is_ip(skb, way)) {
	case YES:
		return onwards(way, 0, IP, 0);
	case NO:
		/* A 5G session of type Ethernet. */
		return onwards(way, 0, ETHERNET, 0);
	default:
		verdict(way, UNDECIDED);
		return 0;
	}
}

ALWAYS_INLINE long l2tp(struct __sk_buff *skb, struct way *way)
{
	__u8 *head = way->head;
	__u32 flags, from = way->at, size = 6;

	if (header(skb, way, 4))
		return 1;
	flags = word(head);
	/* A control message, bits that must be zero, another version. */
	if (flags & 0xb4f0 || (flags & 0x000f) != 2)
		return 1;
	if (flags & 0x4000) {
		if (word(head + 2) > wire_length(way))
			return 1;
		limit(way, word(head + 2));
		size += 2;
	}
	if (flags & 0x0800)
		size += 4;
	if (flags & 0x0200) {
		if (copy(skb, way, from + size, head, 2))
			return 1;
		size += 2 + word(head);
	}
	return onwards(way, size, PPP, 0);
}

/* Where the payload of an ESP packet begins, and how many bytes of integrity check are behind it: src/packet/esp.rs. */
struct shape {
	__u8 vector;
	__u8 check;
};

#define SHAPES 6
static const struct shape shapes[SHAPES] = { { 0, 12 }, { 0, 16 }, { 0, 0 }, { 0, 24 }, { 0, 32 }, { 8, 16 } };

/* Whether what is inside proves that the packet was not encrypted. UNSURE for headers that prove nothing. */
WALKED_ONCE int is_certain(struct __sk_buff *skb, struct way *way, __u8 next, __u32 at, __u32 length)
{
	if (!way)
		return 0;

	const __u8 *head = way->head;

	switch (next) {
	case P_UDP:
		return length >= 8 && !copy(skb, way, at, way->head, 8) && word(head) && word(head + 2) && word(head + 4) == length;
	case P_TCP:
		return length >= 20 && !copy(skb, way, at, way->head, 20) && head[12] >> 4 >= 5 && !(head[12] & 0x0e) &&
		       !(head[13] & 0x20) && !word(head + 18);
	case P_SCTP:
		/* A first chunk that fits. */
		return length >= 16 && !copy(skb, way, at, way->head, 16) && word(head + 14) >= 4 && word(head + 14) + 12 <= length;
	case P_IPV4:
		return length >= 20 && !copy(skb, way, at, way->head, 20) && head[0] >> 4 == 4 && word(head + 2) == length;
	case P_IPV6:
		return length >= 40 && !copy(skb, way, at, way->head, 40) && head[0] >> 4 == 6 && word(head + 4) + 40 == length;
	case P_HOP_BY_HOP:
	case P_ROUTING:
	case P_FRAGMENT:
	case P_GRE:
	case P_ESP:
	case P_AH:
	case P_DESTINATION_OPTIONS:
	case P_ETHERIP:
	case P_MOBILITY:
	case P_MPLS:
	case P_HIP:
	case P_SHIM6:
	case P_WRAPPED_ESP:
	case P_ETHERNET:
		return UNSURE;
	default:
		return NO;
	}
}

/* ESP with NULL encryption. Nothing in a packet says that it is not encrypted; its trailer does. */
WALKED_ONCE int esp(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	int unsure = 0;

	if (header(skb, way, 8))
		return damaged(way);
	/* The trailer is what is missing. The core may have learned enough from other packets. */
	if (is_cut(way))
		return verdict(way, UNDECIDED);
	way->at += 8;
	if ((way->end - way->at) & 3)
		return verdict(way, DROP_OPAQUE);
	for (int i = 0; i < SHAPES; i++) {
		__u32 at = way->at + shapes[i].vector, trailer = way->end - shapes[i].check - 2, payload_end;
		__u8 pad, next, last = 0;

		if (trailer < at || trailer > way->end || copy(skb, way, trailer, way->head, 2))
			continue;
		pad = way->head[0];
		next = way->head[1];
		payload_end = trailer - pad;
		/* The pad bytes count 1, 2, 3…; the last one tells enough. */
		if (payload_end < at || payload_end > trailer || (pad && (copy(skb, way, trailer - 1, &last, 1) || last != pad)))
			continue;
		switch (is_certain(skb, way, next, at, payload_end - at)) {
		case YES:
			way->at = at;
			way->end = way->wire = payload_end;
			return onwards(way, 0, PROTOCOL, next);
		case UNSURE:
			unsure = 1;
		}
	}
	return verdict(way, unsure ? UNDECIDED : DROP_OPAQUE);
}

/* WESP (RFC 5840): ESP behind a header that says whether it is encrypted, and where the payload is. */
ALWAYS_INLINE long wrapped_esp(struct __sk_buff *skb, struct way *way)
{
	__u32 size, check, length = wire_length(way);
	__u8 next, pad = 0;

	if (header(skb, way, 4))
		return damaged(way);
	next = way->head[0];
	size = way->head[1];
	check = way->head[2];
	if (way->head[3] & 0x20 || !next)
		return verdict(way, DROP_OPAQUE);
	if (length < check + 2 || size < 12 || size > length - check - 2)
		return damaged(way);
	length -= check + 2;
	if (!copy(skb, way, way->at + length, way->head, 1))
		pad = way->head[0];
	limit(way, length > pad ? length - pad : 0);
	return onwards(way, size, PROTOCOL, next);
}

ALWAYS_INLINE long authentication_header(struct __sk_buff *skb, struct way *way)
{
	__u32 size;

	if (header(skb, way, 2))
		return damaged(way);
	size = (way->head[1] + 2) * 4;
	if (wire_length(way) < size)
		return damaged(way);
	return onwards(way, size, PROTOCOL, way->head[0]);
}

ALWAYS_INLINE int is_tunnel_port(__u16 port)
{
	switch (port) {
	case U_L2TP:
	case U_GTP_U:
	case U_ESP:
	case U_VXLAN:
	case U_VXLAN_GPE:
	case U_GENEVE:
	case U_MPLS:
	case U_VXLAN_LINUX:
		return 1;
	default:
		return 0;
	}
}

/* A datagram from or to the port of a tunnel. A port is a hint and no proof: anybody may run SIP on port 2152. */
WALKED_ONCE int udp_tunnel(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	__u32 at = way->at, end = way->end, wire = way->wire;
	__u16 port = way->destination_port;
	long failed;

	switch (begins_message(skb, at, end, is_cut(way), 0)) {
	case START:
		return verdict(way, SIP);
	case MAYBE_START:
		return verdict(way, UNDECIDED);
	}
	if (!is_tunnel_port(port))
		port = way->source_port;
	else if (is_tunnel_port(way->source_port) && way->source_port != port)
		/* Two hints: the core tries one after the other. */
		return verdict(way, UNDECIDED);
	switch (port) {
	case U_L2TP:
		failed = l2tp(skb, way);
		break;
	case U_GTP_U:
		failed = gtp_u(skb, way);
		break;
	case U_VXLAN:
	case U_VXLAN_LINUX:
		failed = vxlan(skb, way, 1);
		break;
	case U_VXLAN_GPE:
		failed = vxlan(skb, way, 0);
		break;
	case U_GENEVE:
		failed = geneve(skb, way);
		break;
	case U_MPLS:
		failed = onwards(way, 0, MPLS, 0);
		break;
	default:
		/* ESP in UDP (RFC 3948): a keep-alive, IKE behind four zero bytes, or ESP. */
		if (header(skb, way, 9))
			return other(way);
		if (!long_word(way->head))
			return other(way);
		return onwards(way, 0, PROTOCOL, P_ESP);
	}
	if (!failed)
		return way->ended != ONWARDS;
	/* What is missing of the header may come in other fragments. */
	if (way->partial)
		return verdict(way, UNDECIDED);
	way->at = at;
	way->end = end;
	way->wire = wire;
	return stop(way, AT_DATAGRAM);
}

ALWAYS_INLINE long udp(struct __sk_buff *skb, struct way *way)
{
	__u32 length;

	if (header(skb, way, 8))
		return damaged(way);
	length = word(way->head + 4);
	if (length && length < 8)
		return damaged(way);
	/* 0: a jumbogram (RFC 2675 section 4), or segmentation offload. */
	if (length)
		claim(way, length);
	way->source_port = word(way->head);
	way->destination_port = word(way->head + 2);
	way->at += 8;
	if (is_tunnel_port(way->source_port) || is_tunnel_port(way->destination_port))
		return udp_tunnel(skb, way);
	return stop(way, AT_DATAGRAM);
}

/* What an IP protocol number says. */
ALWAYS_INLINE long protocol(struct __sk_buff *skb, struct way *way)
{
	int is_v6 = way->addresses.version == 6;

	switch (way->number) {
	case P_UDP:
		return udp(skb, way);
	case P_TCP:
		return stop(way, AT_STREAM);
	case P_SCTP:
		return stop(way, AT_ASSOCIATION);
	case P_IPV4:
	case P_IPV6:
		return onwards(way, 0, IP, 0);
	case P_GRE:
		return gre(skb, way);
	case P_ESP:
		return esp(skb, way);
	case P_AH:
		return authentication_header(skb, way);
	case P_WRAPPED_ESP:
		return wrapped_esp(skb, way);
	case P_MPLS:
		return onwards(way, 0, MPLS, 0);
	case P_ETHERNET:
		return onwards(way, 0, ETHERNET, 0);
	case P_ETHERIP:
		/* RFC 3378: version 3 and twelve zero bits. */
		if (header(skb, way, 2) || word(way->head) != 0x3000)
			return damaged(way);
		return onwards(way, 2, ETHERNET, 0);
	case P_FRAGMENT:
		return is_v6 ? fragment_header(skb, way) : other(way);
	case P_ROUTING:
		return is_v6 ? routing(skb, way) : other(way);
	case P_HOP_BY_HOP:
	case P_DESTINATION_OPTIONS:
	case P_MOBILITY:
	case P_HIP:
	case P_SHIM6:
		return is_v6 ? extension(skb, way) : other(way);
	default:
		return other(way);
	}
}

#endif
