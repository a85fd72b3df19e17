/* The least that any reader of a capture file does: libpcap's own loop, counting. */

#include <pcap/pcap.h>
#include <stdio.h>

struct totals {
	unsigned long long frames, bytes;
};

static void count(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct totals *totals = (struct totals *)user;

	totals->frames++;
	/* Touches the packet, as a reader that looks at its headers must. */
	totals->bytes += header->caplen + (bytes[0] & 0);
}

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct totals totals = { 0, 0 };
	pcap_t *pcap;

	if (argc != 2) {
		fprintf(stderr, "usage: pcap-loop FILE\n");
		return 2;
	}
	pcap = pcap_open_offline(argv[1], error);
	if (pcap == NULL || pcap_loop(pcap, -1, count, (u_char *)&totals) != 0) {
		fprintf(stderr, "pcap-loop: %s\n", pcap == NULL ? error : pcap_geterr(pcap));
		return 1;
	}
	pcap_close(pcap);
	printf("%llu frames %llu bytes\n", totals.frames, totals.bytes);
	return 0;
}
