/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * TCP and SCTP: which conversations carry SIP. Those of the configured ports do; another one does from the first segment or
 * chunk on that begins with a start line or a WebSocket handshake, and this is remembered.
 */
#ifndef TOLLTAP_STREAM_H
#define TOLLTAP_STREAM_H

#include "start.h"

/* A conversation, whichever side sends. It has no VLAN in it: another stream between the same addresses and ports that is
 * passed for nothing does no harm. */
struct stream_key {
	__u64 low[2];
	__u64 high[2];
	__u16 low_port;
	__u16 high_port;
	__u8 protocol;
	__u8 unused[3];
};

enum stream_state {
	/* SIP, or a WebSocket. */
	IS_SIP = 1,
	/* An HTTP request whose headers go on in the next segment. The response will tell. */
	MAY_UPGRADE = 2,
};

/* Conversations on other than the configured ports that carry SIP. At the bound the least recently used goes; its next start
 * line brings it back. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct stream_key);
	__type(value, __u8);
} streams SEC(".maps");

/* The configured ports, a bit each; written before the program is loaded. */
const volatile __u64 sip_ports[1024] = {};

ALWAYS_INLINE int is_sip_port(__u16 port)
{
	return sip_ports[port >> 6 & 1023] >> (port & 63) & 1;
}

ALWAYS_INLINE int is_on_sip_port(const struct way *way)
{
	return is_sip_port(way->source_port) || is_sip_port(way->destination_port);
}

ALWAYS_INLINE void make_key(const struct way *way, __u8 protocol, struct stream_key *key)
{
	const __u64 *source = way->addresses.source, *destination = way->addresses.destination;
	int swapped = source[0] != destination[0]   ? source[0] > destination[0] :
		      source[1] != destination[1] ? source[1] > destination[1] :
						      way->source_port > way->destination_port;

	__builtin_memset(key, 0, sizeof(*key));
	key->protocol = protocol;
	__builtin_memcpy(key->low, swapped ? destination : source, 16);
	__builtin_memcpy(key->high, swapped ? source : destination, 16);
	key->low_port = swapped ? way->destination_port : way->source_port;
	key->high_port = swapped ? way->source_port : way->destination_port;
}

ALWAYS_INLINE __u32 remember(const struct stream_key *key, __u8 state)
{
	bpf_map_update_elem(&streams, key, &state, BPF_ANY);
	return STREAM_START;
}

/* The end of the header block of an HTTP request, or the word that makes it an upgrade. */
struct search {
	struct __sk_buff *skb;
	__u32 at;
	__u32 end;
	__u32 found;
};

enum found {
	NOTHING,
	UPGRADE,
	END_OF_HEAD,
};

/* As in src/stream/websocket/handshake.rs. */
#define UPGRADE_LIMIT 16384

/* 1 for 0, and 0 for all else, without a branch: the verifier walks both ways of each, and their ways multiply. The compiler
 * would put the branch back, if it knew what becomes of the sign. */
ALWAYS_INLINE __u64 is_zero(__u64 number)
{
	__u64 sign = number | -number;

	barrier_var(sign);
	return sign >> 63 ^ 1;
}

/* A callback of bpf_loop: does "websocket" (any case; its first eight letters) or an empty line begin in the next eight bytes? */
static long search_head(__u32 index, struct search *search)
{
	/* Little-endian "websocke", and the end of a line with an empty one. */
	const __u64 word = 0x656b636f73626577ull, lower = 0x2020202020202020ull;
	const __u32 empty = 0x0a0d0a0d;
	__u64 bytes[2] = {}, upgrade = 0, end_of_head = 0;
	int is_last = search->at + 16 > search->end;

	/* The last bytes, with some that were looked at before. */
	if (is_last)
		search->at = search->end - 16;
	if (bpf_skb_load_bytes(search->skb, search->at, bytes, 16))
		return 1;
	for (int i = 0; i <= 12; i++) {
		__u64 here = i == 0 ? bytes[0] : i < 8 ? bytes[0] >> 8 * i | bytes[1] << (64 - 8 * i) : bytes[1] >> 8 * (i - 8);

		if (i <= 8)
			upgrade |= is_zero((here | lower) ^ word);
		end_of_head |= is_zero((__u32)here ^ empty);
	}
	search->found = upgrade ? UPGRADE : end_of_head ? END_OF_HEAD : NOTHING;
	search->at += 8;
	return is_last || search->found != NOTHING;
}

/* Whether a segment is one half of a WebSocket handshake (RFC 6455 section 4): 0 if not. */
WALKED_ONCE int handshake(struct __sk_buff *skb, struct way *way, __u32 at)
{
	if (!way)
		return 0;

	/* "GET ", "HTTP/1.1 101" */
	const __u64 http = 0x312e312f50545448ull;
	struct search search = { .skb = skb, .at = at, .end = way->end };
	__u64 bytes = 0;
	__u32 status = 0;

	if (copy(skb, way, at, &bytes, 8))
		return 0;
	if (bytes == http)
		return !copy(skb, way, at + 8, &status, 4) && status == 0x31303120 ? IS_SIP : 0;
	if ((__u32)bytes != 0x20544547)
		return 0;
	bpf_loop(UPGRADE_LIMIT / 8, search_head, &search, 0);
	return search.found == UPGRADE ? IS_SIP : search.found == END_OF_HEAD ? 0 : MAY_UPGRADE;
}

/* Whether a segment begins with a WebSocket frame that begins with a SIP message: how a stream is found whose handshake was
 * not seen. */
WALKED_ONCE int websocket(struct __sk_buff *skb, struct way *way, __u32 at)
{
	if (!way)
		return 0;

	__u8 *head = way->head;
	__u32 size = 2, length, end, mask = 0;

	/* Text or binary, with or without FIN; no reserved bit. */
	if (copy(skb, way, at, head, 2) || (head[0] & 0x7f) == 0 || (head[0] & 0x7f) > 2)
		return NO_START;
	length = head[1] & 0x7f;
	if (head[1] & 0x80)
		mask = 4;
	if (length == 126) {
		if (copy(skb, way, at + 2, head + 2, 2))
			return NO_START;
		length = word(head + 2);
		size = 4;
	} else if (length == 127) {
		length = 65535;
		size = 10;
	}
	if (mask) {
		if (copy(skb, way, at + size, &mask, 4))
			return NO_START;
		size += 4;
	}
	end = at + size + length < way->end ? at + size + length : way->end;
	return begins_message(skb, at + size, end, end == way->end && is_cut(way), mask);
}

WALKED_ONCE int judge_stream(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	struct stream_key key;
	__u32 payload;
	__u8 *state, upgrade;
	int start;

	if (header(skb, way, 20))
		return way->partial ? UNDECIDED : DAMAGED;
	payload = (way->head[12] >> 4) * 4;
	if (payload < 20 || payload > wire_length(way))
		return DAMAGED;
	payload += way->at;
	way->source_port = word(way->head);
	way->destination_port = word(way->head + 2);
	if (is_on_sip_port(way))
		return STREAM_PORT;
	make_key(way, P_TCP, &key);
	state = bpf_map_lookup_elem(&streams, &key);
	if (state && *state == IS_SIP)
		return STREAM;
	if (payload >= way->end)
		return is_cut(way) ? UNDECIDED : state ? STREAM : DROP_STREAM;

	start = begins_message(skb, payload, way->end, is_cut(way), 0);
	if (!start)
		start = websocket(skb, way, payload);
	if (start == START)
		return remember(&key, IS_SIP);
	upgrade = handshake(skb, way, payload);
	if (upgrade)
		return remember(&key, upgrade);
	if (start == MAYBE_START)
		return UNDECIDED;
	if (state) {
		__u32 first = 0;

		/* Another answer than 101: no upgrade. */
		copy(skb, way, payload, &first, 4);
		if (first != 0x50545448)
			return STREAM;
		bpf_map_delete_elem(&streams, &key);
	}
	return DROP_STREAM;
}

/* The chunks of an SCTP packet. */
struct chunks {
	struct __sk_buff *skb;
	__u32 at;
	__u32 end;
	__u32 cut;
	__u32 found;
};

/* More than fit into one packet of Ethernet's size: a packet with more goes to the core. */
#define MAX_CHUNKS 128

/* A callback of bpf_loop: does a message begin in this chunk that is SIP? */
static long judge_chunk(__u32 index, struct chunks *chunks)
{
	__u8 head[4];
	__u32 length, end, cut, from;

	if (chunks->at + 4 > chunks->end || bpf_skb_load_bytes(chunks->skb, chunks->at, head, 4)) {
		chunks->at = chunks->end;
		return 1;
	}
	length = word(head + 2);
	if (length < 4) {
		chunks->at = chunks->end;
		return 1;
	}
	end = chunks->at + length;
	/* A first fragment shows the beginning of a start line at least. */
	cut = !(head[1] & 1);
	if (end > chunks->end) {
		end = chunks->end;
		cut |= chunks->cut;
	}
	/* DATA and I-DATA, with the bit of a beginning. */
	from = chunks->at + (head[0] ? 20 : 16);
	if ((head[0] == 0 || head[0] == 64) && head[1] & 2 && from < end)
		chunks->found = begins_message(chunks->skb, from, end, cut, 0);
	chunks->at += (length + 3) & ~3u;
	return chunks->found != NO_START;
}

WALKED_ONCE int judge_association(struct __sk_buff *skb, struct way *way)
{
	if (!way)
		return 0;

	struct chunks chunks = { .skb = skb, .at = way->at + 12, .end = way->end, .cut = is_cut(way) };
	struct stream_key key;

	if (header(skb, way, 12))
		return way->partial ? UNDECIDED : DAMAGED;
	way->source_port = word(way->head);
	way->destination_port = word(way->head + 2);
	if (is_on_sip_port(way))
		return STREAM_PORT;
	make_key(way, P_SCTP, &key);
	if (bpf_map_lookup_elem(&streams, &key))
		return ASSOCIATION;
	bpf_loop(MAX_CHUNKS, judge_chunk, &chunks, 0);
	if (chunks.found) {
		remember(&key, IS_SIP);
		return CHUNK_START;
	}
	/* A chunk of which the rest is missing, or too many of them. */
	return chunks.at < chunks.end || is_cut(way) ? UNDECIDED : DROP_ASSOCIATION;
}

#endif
