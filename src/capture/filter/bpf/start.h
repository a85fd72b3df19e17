/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Whether a payload begins with a SIP start line: `is_start` of src/sip/framing.rs, read a byte at a time and, where it
 * would be dear to be exact, in favour of the payload.
 */
#ifndef TOLLTAP_START_H
#define TOLLTAP_START_H

#include "way.h"

/* As in src/sip/framing.rs. */
#define METHOD_LIMIT 64
#define BLANKS_LIMIT 64
#define START_LINE_LIMIT 8192

/* "SIP/2.0", little-endian, and the bit that makes letters lower case at each of its letters. */
#define VERSION 0x00302e322f504953ull
#define VERSION_BYTES 0x00ffffffffffffffull
#define VERSION_CASE 0x0000000000202020ull

enum start {
	NO_START,
	/* Or so like one that the core shall judge. */
	START,
	/* The payload ends before that can be said, and more of it may come. */
	MAYBE_START,
};

enum part {
	KEEP_ALIVE,
	METHOD,
	BLANKS,
	URI,
	FAILED,
	ENOUGH,
};

/* Reading the first line. */
struct line {
	struct __sk_buff *skb;
	__u32 at;
	__u32 end;
	/* Where the payload begins, and the key that hides it (RFC 6455 section 5.3); 0 for none. */
	__u32 from;
	__u32 mask;
	__u16 part;
	__u16 count;
	__u64 bytes;
};

ALWAYS_INLINE int is_blank(__u8 byte)
{
	return byte == ' ' || byte == '\t';
}

/* The characters of a token (RFC 3261 section 25.1), as a set of bits. */
ALWAYS_INLINE int is_token(__u8 byte)
{
	/* !%'*+-. and digits; letters, _ ` and ~. */
	const __u64 low = 0x03ff6ca200000000ull;
	const __u64 high = 0x47ffffff87fffffeull;

	if (byte >= 128)
		return 0;
	return ((byte < 64 ? low : high) >> (byte & 63)) & 1;
}

/* Eight bytes from `at` on, unmasked; the first is the lowest. Bytes beyond the end mean nothing. */
ALWAYS_INLINE __u64 eight(const struct line *line, __u32 at)
{
	__u64 bytes = 0;

	if (at + 8 <= line->end) {
		bpf_skb_load_bytes(line->skb, at, &bytes, 8);
	} else if (at < line->end && line->end >= 8) {
		bpf_skb_load_bytes(line->skb, line->end - 8, &bytes, 8);
		bytes >>= (at + 8 - line->end) * 8;
	}
	if (line->mask) {
		__u32 turn = 8 * ((at - line->from) & 3);
		__u64 mask = (__u64)line->mask << 32 | line->mask;

		bytes ^= turn ? mask >> turn | mask << (64 - turn) : mask;
	}
	return bytes;
}

ALWAYS_INLINE int is_version(__u64 bytes)
{
	return ((bytes & VERSION_BYTES) | VERSION_CASE) == (VERSION | VERSION_CASE);
}

/* A callback of bpf_loop: the byte at `at`, up to the Request-URI. */
static long read_prefix(__u32 index, struct line *line)
{
	__u8 byte;

	if (line->at >= line->end)
		return 1;
	/* The buffer is filled every eight bytes. */
	if (!(index & 7))
		line->bytes = eight(line, line->at);
	byte = line->bytes;
	line->bytes >>= 8;
	switch (line->part) {
	case KEEP_ALIVE:
		/* Line ends before a message are keep-alives (RFC 5626 section 3.5.1). */
		if (byte == '\r' || byte == '\n')
			break;
		if (is_version(eight(line, line->at))) {
			line->part = ENOUGH;
			return 1;
		}
		line->part = METHOD;
		/* fallthrough */
	case METHOD:
		if (is_token(byte) && line->count < METHOD_LIMIT) {
			line->count++;
			break;
		}
		if (!is_blank(byte) || !line->count) {
			line->part = FAILED;
			return 1;
		}
		line->part = BLANKS;
		line->count = 1;
		break;
	case BLANKS:
		if (is_blank(byte) && line->count < BLANKS_LIMIT) {
			line->count++;
			break;
		}
		/* No Request-URI begins so, but the paths of HTTP and RTSP do. */
		line->part = byte == '/' || byte == '*' || byte <= ' ' || byte == 0x7f ? FAILED : URI;
		return 1;
	default:
		return 1;
	}
	line->at++;
	return 0;
}

/* The highest bit of each byte that is an LF; above the lowest of them, it may be set for others too. */
ALWAYS_INLINE __u64 line_ends(__u64 bytes)
{
	const __u64 ones = 0x0101010101010101ull;

	bytes ^= ones * '\n';
	return (bytes - ones) & ~bytes & ones << 7;
}

/* A callback of bpf_loop: looks for the line end, in long strides as far as there is none. Where it is found, `at` is there. */
static long find_line_end(__u32 index, struct line *line)
{
	__u64 stride[8], found = 0;

	if (line->at >= line->end)
		return 1;
	/* A masked payload is rare, and never long. */
	if (!line->mask && line->at + sizeof(stride) <= line->end &&
	    !bpf_skb_load_bytes(line->skb, line->at, stride, sizeof(stride))) {
		for (int i = 0; i < 8; i++)
			found |= line_ends(stride[i]);
		if (!found) {
			line->at += sizeof(stride);
			return 0;
		}
	}
	found = line_ends(eight(line, line->at));
	if (!found) {
		line->at += 8;
		return 0;
	}
	for (int i = 0; i < 7; i++) {
		if (found & 0xff)
			break;
		found >>= 8;
		line->at++;
	}
	if (line->at < line->end)
		line->part = ENOUGH;
	return 1;
}

/* Whether the bytes from `from` to `end` begin with a start line, after any keep-alives; `cut`: more may follow. */
WALKED_ONCE int begins_message(struct __sk_buff *skb, __u32 from, __u32 end, __u32 cut, __u32 mask)
{
	struct line line = { .skb = skb, .at = from, .end = end, .from = from, .mask = mask };
	__u32 uri;
	__u64 last;

	/* Media ends here: its first byte is no token. */
	line.bytes = eight(&line, from);
	if (from < end && !is_token(line.bytes) && (__u8)line.bytes != '\r' && (__u8)line.bytes != '\n')
		return NO_START;

	bpf_loop(METHOD_LIMIT + BLANKS_LIMIT + 128, read_prefix, &line, 0);
	if (line.part == ENOUGH)
		return START;
	if (line.part == FAILED)
		return NO_START;
	if (line.part != URI) {
		/* So many keep-alives that the loop ended, or so few bytes. */
		if (line.at < line.end)
			return START;
		return cut ? MAYBE_START : NO_START;
	}

	uri = line.at;
	bpf_loop(START_LINE_LIMIT / 8, find_line_end, &line, 0);
	if (line.part != ENOUGH)
		return line.at >= line.end && cut ? MAYBE_START : NO_START;
	if (line.at < uri + 8)
		return NO_START;
	/* The eight bytes before the line end, or before its CR: what they end with is to be SIP/2.0. */
	last = eight(&line, line.at - 8);
	if (last >> 56 == '\r' && line.at >= uri + 9)
		last = eight(&line, line.at - 9);
	if (last >> 56 == '0')
		return is_blank(last) && is_version(last >> 8) ? START : NO_START;
	/* Blanks at the end of a start line are rare, and rarer still in other text that looks like one up to here. */
	return is_blank(last >> 56) || last >> 56 == '\r' || last >> 56 == '\f' ? START : NO_START;
}

#endif
