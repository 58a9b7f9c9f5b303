// The steering program: runs in the kernel for each frame that an interface receives, and decides
// who gets it. coax gets the frames of the addresses it owns: IPv4 and IPv6 packets to them, ARP
// for them, neighbour solicitations for them. Everything else passes on to the kernel untouched:
// other addresses, broadcast, groups that coax has not joined, VLAN-tagged frames, and whatever is
// too short to tell. It knows no ports and no connections, and changes nothing.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// The AF_XDP socket of each receive queue. A queue without one: the frame passes to the kernel.
struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);  // set to the interface's queues before loading
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

// The addresses that coax owns, and the groups it has joined, network order.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);  // set before loading
    __type(key, __be32);
    __type(value, __u8);
} owned_v4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);  // set before loading
    __type(key, struct in6_addr);
    __type(value, __u8);
} owned_v6 SEC(".maps");

// ARP for IPv4 over Ethernet (RFC 826), fields by their names there.
struct arp_packet {
    __be16 ar_hrd;
    __be16 ar_pro;
    __u8 ar_hln;
    __u8 ar_pln;
    __be16 ar_op;
    __u8 ar_sha[ETH_ALEN];
    __be32 ar_spa;
    __u8 ar_tha[ETH_ALEN];
    __be32 ar_tpa;
} __attribute__((packed));

// Neighbour solicitation (RFC 4861 4.3), as far as its target.
struct neighbour_solicitation {
    __u8 type;
    __u8 code;
    __be16 checksum;
    __be32 reserved;
    struct in6_addr target;
};

#define ICMPV6_NEIGHBOUR_SOLICITATION 135
#define ARP_HARDWARE_ETHERNET 1

static __always_inline int is_owned_v4(__be32 address) {
    return bpf_map_lookup_elem(&owned_v4, &address) != 0;
}

static __always_inline int is_owned_v6(const struct in6_addr* address) {
    struct in6_addr key = *address;
    return bpf_map_lookup_elem(&owned_v6, &key) != 0;
}

// Requests for our addresses and replies to our requests both have our address as the target
// (RFC 826: a reply swaps sender and target).
static __always_inline int is_ours_arp(const void* at, const void* end) {
    const struct arp_packet* arp = at;
    if ((const void*)(arp + 1) > end) return 0;
    return arp->ar_hrd == bpf_htons(ARP_HARDWARE_ETHERNET) && arp->ar_pro == bpf_htons(ETH_P_IP) &&
           arp->ar_hln == ETH_ALEN && arp->ar_pln == 4 && is_owned_v4(arp->ar_tpa);
}

static __always_inline int is_ours_v4(const void* at, const void* end) {
    const struct iphdr* ip = at;
    if ((const void*)(ip + 1) > end) return 0;
    return is_owned_v4(ip->daddr);
}

// Solicitations come to a multicast address (RFC 4861 4.3); it is the target that counts.
static __always_inline int is_ours_v6(const void* at, const void* end) {
    const struct ipv6hdr* ip = at;
    if ((const void*)(ip + 1) > end) return 0;
    if (is_owned_v6(&ip->daddr)) return 1;
    if (ip->nexthdr != IPPROTO_ICMPV6) return 0;
    const struct neighbour_solicitation* solicitation = (const void*)(ip + 1);
    if ((const void*)(solicitation + 1) > end) return 0;
    return solicitation->type == ICMPV6_NEIGHBOUR_SOLICITATION &&
           is_owned_v6(&solicitation->target);
}

SEC("xdp.frags")
int steer(struct xdp_md* context) {
    const void* end = (const void*)(long)context->data_end;
    const struct ethhdr* ethernet = (const void*)(long)context->data;
    const void* packet = ethernet + 1;
    if (packet > end) return XDP_PASS;
    int ours = 0;
    switch (ethernet->h_proto) {
        case bpf_htons(ETH_P_IP): ours = is_ours_v4(packet, end); break;
        case bpf_htons(ETH_P_ARP): ours = is_ours_arp(packet, end); break;
        case bpf_htons(ETH_P_IPV6): ours = is_ours_v6(packet, end); break;
    }
    if (!ours) return XDP_PASS;
    // XDP_PASS here: the verdict where the queue has no socket.
    return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
}

char steer_license[] SEC("license") = "Dual MIT/GPL";
