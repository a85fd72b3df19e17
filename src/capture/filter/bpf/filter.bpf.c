/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The filter that the kernel runs on every frame before it is copied to the capture: passes what the core would use and
 * drops the rest, most of all media. It is a socket filter, which decides about one socket's copy of a frame and can touch
 * nothing else.
 *
 * It takes a frame apart as src/packet does. Where the two might differ it passes the frame: what cannot be parsed within
 * the bounds here is the core's to judge. docs/filter.md has the rules.
 *
 * The descent is a bpf_loop over one function. A plain loop would be walked by the verifier once for every order in which
 * headers may follow each other, past its limit of a million instructions; the function of a bpf_loop is walked once.
 */
#include "ip.h"
#include "link.h"
#include "plain.h"
#include "start.h"
#include "stream.h"
#include "tunnel.h"
#include "way.h"

#define ETH_P_802_2 4

/* Headers of any kind in one frame, as in src/packet/peel.rs. */
#define MAX_HEADERS 32

/* How many bytes of a frame that is passed are captured; written before the program is loaded. */
const volatile __u32 snap_length = 262144;

struct counts {
	__u64 frames[32];
};

/* Frames by reason, a counter for each processor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} reasons SEC(".maps");

/* A descent: the frame, and how far it is. */
struct descent {
	struct __sk_buff *skb;
	struct way way;
};

ALWAYS_INLINE long one_header(struct __sk_buff *skb, struct way *way)
{
	switch (way->next) {
	case ETHERNET:
		return ethernet(skb, way);
	case ETHER_TYPE:
		return ether_type(skb, way);
	case LLC:
		return llc(skb, way);
	case IP:
		return ip(skb, way);
	case PROTOCOL:
		return protocol(skb, way);
	case MPLS:
		return mpls(skb, way);
	case PPP:
		return ppp(skb, way);
	case NSH:
		return nsh(skb, way);
	case ERSPAN_1:
		return onwards(way, 0, ETHERNET, 0);
	case ERSPAN_2:
		return erspan_2(skb, way);
	default:
		return erspan_3(skb, way);
	}
}

/* A callback of bpf_loop: takes one header off. */
static long peel(__u32 index, struct descent *descent)
{
	return one_header(descent->skb, &descent->way) != 0;
}

ALWAYS_INLINE __u32 judge_datagram(struct __sk_buff *skb, struct way *way)
{
	switch (begins_message(skb, way->at, way->end, is_cut(way), 0)) {
	case START:
		return SIP;
	case MAYBE_START:
		return UNDECIDED;
	default:
		/* The core counts keep-alives and compressed SIP on the ports of SIP. */
		return is_on_sip_port(way) ? DATAGRAM_PORT : DROP_DATAGRAM;
	}
}

/* Counts a frame, and says how much of it is captured. */
ALWAYS_INLINE int tell(__u32 reason)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&reasons, &zero);

	if (counts)
		counts->frames[reason & 31]++;
	return reason <= LAST_PASS ? snap_length : 0;
}

ALWAYS_INLINE int filter(struct __sk_buff *skb, __u16 next, __u16 number)
{
	struct descent descent = {
		.skb = skb,
		.way = { .end = skb->len, .wire = skb->len, .next = next, .number = number },
	};
	struct way *way = &descent.way;

	/* The kernel has taken the outermost tag out of the bytes. */
	if (skb->vlan_present)
		way->addresses.domain = skb->vlan_tci & 0x0fff;
	bpf_loop(MAX_HEADERS, peel, &descent, 0);
	switch (way->ended) {
	case AT_DATAGRAM:
		way->reason = judge_datagram(skb, way);
		break;
	case AT_STREAM:
		way->reason = judge_stream(skb, way);
		break;
	case AT_ASSOCIATION:
		way->reason = judge_association(skb, way);
		break;
	case ONWARDS:
		/* Deeper than the bound. */
		way->reason = UNDECIDED;
	}
	if (way->partial)
		keep_verdict(way);
	return tell(way->reason);
}

/* One program for each way in which a socket shows a frame. They share the maps. */

SEC("socket")
int tap_ethernet(struct __sk_buff *skb)
{
	if (is_media(skb))
		return tell(DROP_DATAGRAM);
	return filter(skb, ETHERNET, 0);
}

/* An interface without link layer. */
SEC("socket")
int tap_ip(struct __sk_buff *skb)
{
	return filter(skb, IP, 0);
}

/* A socket that shows no link layer, whatever the interface has: libpcap's "any". */
SEC("socket")
int tap_cooked(struct __sk_buff *skb)
{
	__u32 type = __builtin_bswap16(skb->protocol);

	return filter(skb, type == ETH_P_802_2 ? LLC : ETHER_TYPE, type);
}

char _license[] SEC("license") = "Dual MIT/GPL";
