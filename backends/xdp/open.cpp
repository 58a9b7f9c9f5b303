// Puts the AF_XDP backend together, step by step, each step with its one line of failure.
#include "backends/xdp/open.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "backends/xdp/device.hpp"
#include "backends/xdp/driver.hpp"
#include "backends/xdp/interface.hpp"
#include "backends/xdp/link_watch.hpp"
#include "backends/xdp/queue.hpp"
#include "backends/xdp/socket.hpp"
#include "backends/xdp/steering.hpp"
#include "backends/xdp/super_sender.hpp"

namespace coax::backends {

namespace {

constexpr std::uint32_t ethernet_header_bytes = 14;
constexpr std::uint32_t slots_min = 8;
constexpr std::size_t frames_per_burst = 64;

// What one chunk of the kernel's receive side holds: larger packets come in pieces.
constexpr unsigned receive_piece_bytes = 3840;

std::string check_interface(const xdp_spec& what, const interface_facts& facts) {
    const std::string& name = facts.name;
    if (!facts.ethernet) return name + " is not an Ethernet interface: xdp needs one";
    if (!facts.up) return "interface " + name + " is down: ip link set " + name + " up";
    const unsigned last = what.queue + what.queues - 1;
    const unsigned there = std::min(facts.receive_queues, facts.transmit_queues);
    if (last >= there && what.queues == 1 && what.queue < facts.receive_queues)
        return name + " has " + std::to_string(facts.transmit_queues) +
               " transmit queues, too few for queue=" + std::to_string(what.queue);
    if (last >= facts.receive_queues)
        return name + " has " + std::to_string(facts.receive_queues) +
               (facts.receive_queues == 1 ? " receive queue, number 0"
                                          : " receive queues, from number 0") +
               ": lower queue= or queues=";
    if (what.queue >= facts.transmit_queues)
        return name + " has " + std::to_string(facts.transmit_queues) +
               " transmit queues, too few for queue=" + std::to_string(what.queue);
    return {};
}

std::string check_addresses(const xdp_spec& what, std::vector<std::string>& notes) {
    for (const auto& own : what.addresses) {
        const std::string text = own.address.to_string();
        const auto kernel = kernel_interface_of(own.address, what.interface);
        if (!kernel) continue;
        if (*kernel == what.interface)
            return text + " is the kernel's own address on " + what.interface +
                   ": take it away with ip address del " + own.to_string() + " dev " +
                   what.interface + ", or give coax another address with ip=";
        notes.push_back("the kernel has the address " + text + " too, on " + *kernel +
                        ": programs of this machine reach the kernel there, not coax.");
    }
    return {};
}

std::string check_memory(const xdp_spec& what, const interface_facts& facts,
                         const frame_layout& layout) {
    if (layout.slots >= slots_min) return {};
    return "frames=" + std::to_string(what.frames) + ",ring=" + std::to_string(what.ring_entries) +
           " is too little for MTU " + std::to_string(facts.mtu) + ": each must be at least " +
           std::to_string(2 * slots_min * layout.chunks_per_slot);
}

struct open_queues {
    std::vector<xsk_socket> sockets;
    std::vector<std::unique_ptr<queue>> queues;
};

std::variant<open_queues, failure> bind_queues(const xdp_spec& what, const interface_facts& facts,
                                               const frame_layout& layout) {
    open_queues q;
    for (unsigned i = 0; i != what.queues; ++i) {
        socket_options options;
        options.interface = facts.name;
        options.interface_index = facts.index;
        options.queue = what.queue + i;
        options.chunks = what.frames;
        options.receive_chunks = layout.receive_chunks;
        options.ring_entries = what.ring_entries;
        options.transmit_checksum = what.tx_checksum;
        options.multi_buffer_needed =
            layout.chunks_per_slot > 1 || facts.mtu + ethernet_header_bytes > receive_piece_bytes;
        auto opened = xsk_socket::open(options);
        if (auto* wrong = std::get_if<failure>(&opened)) return std::move(*wrong);
        q.sockets.push_back(std::move(std::get<xsk_socket>(opened)));
        q.queues.push_back(
            std::make_unique<queue>(q.sockets.back().rings(), layout, frames_per_burst));
        q.queues.back()->fill_all();
        const std::string wrong = q.sockets.back().bind(options);
        if (!wrong.empty()) return failure{wrong};
    }
    return q;
}

// A native program at one end of a veth makes the kernel at the other end cut its streams into
// single segments; a generic one is handed them by the 64 KB.
bool merges_for_generic(const interface_facts& facts, const xsk_socket& socket) {
    return facts.driver == "veth" && socket.has_multi_buffer();
}

// Attaches in the mode that was asked for, or, with `automatic`, in the first that goes. The text
// of the failure, or the mode.
std::variant<steering::mode, failure> attach(steering& program, const xdp_spec& what,
                                             bool generic_first, std::vector<std::string>& notes) {
    using attach_mode = xdp_spec::attach_mode;
    steering::attached native;
    const bool automatic = what.mode == attach_mode::automatic;
    if (what.mode == attach_mode::native || (automatic && !generic_first)) {
        native = program.attach(steering::mode::native);
        if (native.wrong.empty()) return steering::mode::native;
        if (!automatic || native.occupied) return failure{native.wrong};
    }
    const steering::attached skb = program.attach(steering::mode::skb);
    if (!skb.wrong.empty()) return failure{skb.wrong};
    if (!native.wrong.empty())
        notes.push_back("mode=auto came to skb, as native does not go: " + native.wrong + ".");
    return steering::mode::skb;
}

stack::checksum_policy receive_policy(const xdp_spec& what, const interface_facts& facts) {
    using checksum = xdp_spec::checksum;
    switch (what.rx_checksum) {
        case checksum::strict: return stack::checksum_policy::strict;
        case checksum::partial: return stack::checksum_policy::partial_aware;
        case checksum::trusted: return stack::checksum_policy::trusted;
        case checksum::automatic: break;
    }
    return passes_partial_checksums(facts.driver) ? stack::checksum_policy::partial_aware
                                                  : stack::checksum_policy::strict;
}

void note_unbound_queues(const xdp_spec& what, const interface_facts& facts,
                         std::vector<std::string>& notes) {
    if (what.queues >= facts.receive_queues) return;
    std::string note = facts.name + " spreads frames over " + std::to_string(facts.receive_queues) +
                       " receive queues and coax has " + std::to_string(what.queues) +
                       ": what comes by the others passes to the kernel and is lost";
    if (!facts.channel_kind.empty())
        note +=
            "; one queue is set with ethtool -L " + facts.name + " " + facts.channel_kind + " 1";
    notes.push_back(
        note + "; all of them are taken with queues=" + std::to_string(facts.receive_queues) + ".");
}

// Of the queues from `first` on.
description describe(const xdp_spec& what, const interface_facts& facts, steering::mode mode,
                     std::span<const xsk_socket> sockets, unsigned first,
                     std::vector<std::string> notes) {
    const xsk_socket& socket = sockets.front();
    description d;
    d.kind = "xdp";
    d.interface = facts.name;
    d.mode = std::string(mode == steering::mode::native ? "native" : "skb") +
             (socket.is_zero_copy() ? ", zero-copy" : ", copy");
    for (unsigned i = 0; i != sockets.size(); ++i) d.queues.push_back(first + i);
    if (socket.has_metadata()) d.offloads.push_back("tx-checksum");
    if (socket.has_multi_buffer() && mode == steering::mode::skb)
        d.offloads.push_back("rx-superframes");
    d.mtu = facts.mtu;
    for (const auto& own : what.addresses) d.addresses.push_back(own.to_string());
    if (what.tx_checksum && !socket.has_metadata())
        notes.push_back(
            "this kernel does not sum transmit checksums for AF_XDP (Linux 6.11 "
            "does): the stack does it.");
    if (!socket.has_multi_buffer())
        notes.push_back(
            "this kernel drops packets of more than 3840 bytes here (Linux 6.6 takes "
            "them): turn merging off with ethtool -K " +
            facts.name + " gro off lro off.");
    note_unbound_queues(what, facts, notes);
    d.notes = std::move(notes);
    return d;
}

// Null: there are none, as asked for or as `text` then says.
std::unique_ptr<super_sender> open_supers(const xdp_spec& what, const interface_facts& facts,
                                          description& text) {
    if (!what.gso || !what.tx_checksum) return nullptr;  // whoever cuts them must sum, too
    auto opened = super_sender::open(facts.index);
    if (const auto* wrong = std::get_if<failure>(&opened)) {
        text.notes.push_back("the kernel takes no super-segments: " + wrong->message + ".");
        return nullptr;
    }
    text.offloads.push_back("gso");
    return std::move(std::get<std::unique_ptr<super_sender>>(opened));
}

stack::device_capabilities capabilities(const xdp_spec& what, const interface_facts& facts,
                                        const xsk_socket& socket, bool supers) {
    stack::device_capabilities c;
    c.mtu = static_cast<std::uint16_t>(facts.mtu);
    c.address = facts.mac;
    c.receive_checksum = receive_policy(what, facts);
    c.transmit_checksum = socket.has_metadata();
    c.hears_all_groups = false;  // 224.0.0.1, where queriers ask, is the kernel's
    c.gso_max_bytes = supers ? super_sender::payload_max : 0;
    c.large_slots = supers;
    return c;
}

// An interface with its queues bound, and a program that steers our frames to them.
struct steered_interface {
    interface_facts facts;
    frame_layout layout;
    open_queues bound;
    std::shared_ptr<steering> program;
    std::shared_ptr<group_door> groups;
    steering::mode mode{};
    std::vector<std::string> notes;
};

std::variant<steered_interface, failure> steer_interface(const xdp_spec& what) {
    steered_interface s;
    const auto facts = read_interface(what.interface);
    if (!facts)
        return failure{"there is no interface " + what.interface + " here; there are " +
                       interface_names()};
    s.facts = *facts;
    std::string wrong = check_interface(what, s.facts);
    if (wrong.empty()) wrong = check_addresses(what, s.notes);
    s.layout =
        frame_layout::plan(s.facts.mtu + ethernet_header_bytes, what.frames, what.ring_entries);
    if (wrong.empty()) wrong = check_memory(what, s.facts, s.layout);
    if (wrong.empty()) wrong = xdp_obstacle();
    if (!wrong.empty()) return failure{wrong};

    auto opened = bind_queues(what, s.facts, s.layout);
    if (auto* failed = std::get_if<failure>(&opened)) return std::move(*failed);
    s.bound = std::move(std::get<open_queues>(opened));
    auto loaded = steering::load(s.facts, what.addresses);
    if (auto* failed = std::get_if<failure>(&loaded)) return std::move(*failed);
    s.program = std::move(std::get<std::unique_ptr<steering>>(loaded));
    for (unsigned i = 0; i != what.queues && wrong.empty(); ++i)
        wrong = s.program->set_socket(what.queue + i, s.bound.sockets[i].descriptor());
    if (!wrong.empty()) return failure{wrong};
    // Last, when whatever it hands over is taken care of.
    const bool generic_first = merges_for_generic(s.facts, s.bound.sockets.front());
    const auto attached = attach(*s.program, what, generic_first, s.notes);
    if (const auto* failed = std::get_if<failure>(&attached)) return *failed;
    s.mode = std::get<steering::mode>(attached);
    s.groups = std::make_shared<group_door>(*s.program, s.facts);
    return s;
}

// Looks at the link from before its facts are read, so that no change is missed.
std::variant<std::unique_ptr<link_watch>, failure> watch_link() {
    auto watch = std::make_unique<link_watch>();
    if (!watch->failure_text().empty()) return failure{watch->failure_text()};
    return watch;
}

// Takes `count` queues out of what was opened, from the `at`-th on.
std::unique_ptr<driver> make_driver(const xdp_spec& what, steered_interface& s, unsigned at,
                                    unsigned count, std::unique_ptr<link_watch> watch) {
    std::vector<xsk_socket> sockets;
    std::vector<std::unique_ptr<queue>> queues;
    for (unsigned i = at; i != at + count; ++i) {
        sockets.push_back(std::move(s.bound.sockets[i]));
        queues.push_back(std::move(s.bound.queues[i]));
    }
    description text = describe(what, s.facts, s.mode, sockets, what.queue + at, s.notes);
    auto supers = open_supers(what, s.facts, text);
    const auto offered = capabilities(what, s.facts, sockets.front(), supers != nullptr);
    auto device = std::make_unique<xdp_device>(std::move(queues), std::move(supers), offered);
    watch->start(s.facts);
    return std::make_unique<xdp_driver>(std::move(text), std::move(sockets), std::move(device),
                                        s.program, s.groups, std::move(watch),
                                        s.layout.slot_capacity - ethernet_header_bytes);
}

}  // namespace

std::variant<std::unique_ptr<driver>, failure> open_xdp(const xdp_spec& what) {
    auto watch = watch_link();
    if (auto* failed = std::get_if<failure>(&watch)) return std::move(*failed);
    auto steered = steer_interface(what);
    if (auto* failed = std::get_if<failure>(&steered)) return std::move(*failed);
    return make_driver(what, std::get<steered_interface>(steered), 0, what.queues,
                       std::move(std::get<0>(watch)));
}

std::variant<std::vector<std::unique_ptr<driver>>, failure> open_xdp_queues(const xdp_spec& what,
                                                                            unsigned shards) {
    if (what.queues != 1 && what.queues != shards)
        return failure{"queues=" + std::to_string(what.queues) + " with " + std::to_string(shards) +
                       " shards can't be: each shard has one queue; leave queues= out"};
    xdp_spec all = what;
    all.queues = shards;
    std::vector<std::unique_ptr<link_watch>> watches;
    for (unsigned i = 0; i != shards; ++i) {
        auto watch = watch_link();
        if (auto* failed = std::get_if<failure>(&watch)) return std::move(*failed);
        watches.push_back(std::move(std::get<0>(watch)));
    }
    auto steered = steer_interface(all);
    if (auto* failed = std::get_if<failure>(&steered)) return std::move(*failed);
    std::vector<std::unique_ptr<driver>> drivers;
    for (unsigned i = 0; i != shards; ++i)
        drivers.push_back(
            make_driver(all, std::get<steered_interface>(steered), i, 1, std::move(watches[i])));
    return drivers;
}

}  // namespace coax::backends
