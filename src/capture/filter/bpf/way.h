/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The way down one frame: what src/packet/peel.rs calls a descent, and its octets.
 */
#ifndef TOLLTAP_WAY_H
#define TOLLTAP_WAY_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A function that the verifier walks once, whoever calls it, because it is not static. Inlined, it would be walked for every
 * way that leads to it: these are what keeps the program small for the verifier. It may be handed no pointer that the
 * verifier has to follow but the frame, and asks whether memory that it is handed is there. */
#define WALKED_ONCE __attribute__((noinline))

/* Why a frame was passed or dropped. src/capture/filter/reason.rs has the same list in the same order, and says what each
 * means; a test compares the two. */
enum reason {
	UNDECIDED,
	DAMAGED,
	SIP,
	DATAGRAM_PORT,
	STREAM_PORT,
	STREAM_START,
	STREAM,
	CHUNK_START,
	ASSOCIATION,
	FRAGMENT,
	LAST_PASS = FRAGMENT,
	DROP_DATAGRAM,
	DROP_STREAM,
	DROP_ASSOCIATION,
	DROP_FRAGMENT,
	DROP_OPAQUE,
	DROP_OTHER,
	REASONS,
};

/* What the next byte is the start of: `Next` of src/packet/layer.rs. */
enum next {
	ETHERNET,
	/* `number` is an EtherType; below 0x600, the length of an 802.3 frame. */
	ETHER_TYPE,
	LLC,
	IP,
	/* `number` is an IP protocol number. */
	PROTOCOL,
	MPLS,
	PPP,
	NSH,
	ERSPAN_1,
	ERSPAN_2,
	ERSPAN_3,
};

/* Where the descent ended. */
enum end {
	ONWARDS,
	/* At the payload of a UDP datagram. */
	AT_DATAGRAM,
	/* At a TCP or SCTP header. */
	AT_STREAM,
	AT_ASSOCIATION,
	/* `reason` says it all. */
	AT_VERDICT,
};

/* An IPv4 address takes the first four bytes. */
struct addresses {
	__u64 source[2];
	__u64 destination[2];
	/* VLANs and the VNI, mixed. Fragments that this keeps apart though they belong together are passed: no harm. */
	__u32 domain;
	/* 4 or 6. */
	__u32 version;
};

/* What the fragments of one datagram have in common. */
struct fragment_key {
	struct addresses addresses;
	__u32 id;
	/* IPv4 only. */
	__u32 protocol;
};

/* `at`, `end` and `wire` are offsets from the start of the frame: of the next byte, of the end of what is there, and of the
 * end that the headers claim. Where `end` is less than `wire`, something is missing: the rest of a fragmented datagram, or
 * what a mirror cut off. */
struct way {
	__u32 at;
	__u32 end;
	__u32 wire;
	__u32 reason;
	__u16 next;
	__u16 number;
	__u16 source_port;
	__u16 destination_port;
	__u8 ended;
	__u8 ip_headers;
	/* Inside the first fragment of a datagram: more of it will come in other frames. */
	__u8 partial;
	/* Of the innermost IP header. */
	struct addresses addresses;
	/* Of the fragment, and of an IP header that may be further out. */
	struct fragment_key fragment;
	/* The header being read. Here, since a frame of the stack each would be too much for 512 bytes. */
	__u8 head[40];
};

ALWAYS_INLINE __u16 word(const __u8 *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

ALWAYS_INLINE __u32 long_word(const __u8 *bytes)
{
	return (__u32)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* Copies `size` bytes from offset `at`; not 0 when they are not all there. */
ALWAYS_INLINE int copy(struct __sk_buff *skb, const struct way *way, __u32 at, void *to, __u32 size)
{
	if (at + size > way->end)
		return -1;
	return bpf_skb_load_bytes(skb, at, to, size);
}

/* The header at the current place. */
ALWAYS_INLINE int header(struct __sk_buff *skb, struct way *way, __u32 size)
{
	return copy(skb, way, way->at, way->head, size);
}

ALWAYS_INLINE int is_cut(const struct way *way)
{
	return way->end < way->wire;
}

/* How many bytes the headers above say there are. */
ALWAYS_INLINE __u32 wire_length(const struct way *way)
{
	return way->wire > way->at ? way->wire - way->at : 0;
}

/* The end is `length` bytes from here at the latest. */
ALWAYS_INLINE void limit(struct way *way, __u32 length)
{
	if (way->at + length < way->end)
		way->end = way->at + length;
	if (way->at + length < way->wire)
		way->wire = way->at + length;
}

/* A length field says where the end is. */
ALWAYS_INLINE void claim(struct way *way, __u32 length)
{
	limit(way, length);
	way->wire = way->at + length;
}

/* The descent goes on at `at + header`. Returns what a callback of bpf_loop returns to go on. */
ALWAYS_INLINE long onwards(struct way *way, __u32 header, __u16 next, __u16 number)
{
	way->at += header;
	way->next = next;
	way->number = number;
	return 0;
}

/* The descent ends. Returns what a callback of bpf_loop returns to stop. */
ALWAYS_INLINE long stop(struct way *way, __u8 ended)
{
	way->ended = ended;
	return 1;
}

ALWAYS_INLINE long verdict(struct way *way, __u32 reason)
{
	way->reason = reason;
	return stop(way, AT_VERDICT);
}

/* A header is not all there, or contradicts itself. What is missing may come with the other fragments. */
ALWAYS_INLINE long damaged(struct way *way)
{
	return verdict(way, way->partial ? UNDECIDED : DAMAGED);
}

#endif
