// Loads and attaches the steering program with libbpf. Knows no packet.
#include "backends/xdp/steering.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <linux/if_link.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "backends/xdp/retry.hpp"
#include "backends/xdp/steer.skel.h"

namespace coax::backends {

namespace {

// The last warning of libbpf on this thread: it prints to the standard error otherwise.
thread_local std::string last_warning;

[[gnu::format(printf, 2, 0)]] int keep_warning(libbpf_print_level level, const char* format,
                                               std::va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    last_warning = text;
    while (!last_warning.empty() && last_warning.back() == '\n') last_warning.pop_back();
    std::replace(last_warning.begin(), last_warning.end(), '\n', ' ');
    return 0;
}

std::string load_failure(int error) {
    switch (error) {
        case EPERM:
        case EACCES:
            return "the kernel does not let the XDP program be loaded: run as root, or give the "
                   "program CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW";
        case ENOSYS: return "this kernel has no eBPF: use backend kernel";
        default:
            return "the kernel refuses the XDP program: " + std::string(std::strerror(error)) +
                   (last_warning.empty() ? "" : " (" + last_warning + ")");
    }
}

}  // namespace

struct steering::parts {
    interface_facts facts;
    steer* program = nullptr;
    int link = -1;

    ~parts() {
        if (link >= 0) close(link);
        if (program != nullptr) steer__destroy(program);
    }
};

steering::steering(std::unique_ptr<parts> p) : parts_(std::move(p)) {}
steering::~steering() { detach(); }

int steering::program_descriptor() const noexcept {
    return bpf_program__fd(parts_->program->progs.steer);
}

void steering::detach() noexcept {
    if (parts_->link >= 0) close(parts_->link);
    parts_->link = -1;
}

namespace {

// A count of at least one, as no map may be empty.
int set_sizes(steer& program, unsigned queues, std::span<const stack::ip_prefix> owned) {
    const auto v4 = std::count_if(owned.begin(), owned.end(),
                                  [](const auto& prefix) { return prefix.address.is_v4(); });
    const auto v6 = std::ssize(owned) - v4;
    const auto at_least_one = [](auto count) {
        return static_cast<std::uint32_t>(count > 0 ? count : 1);
    };
    int result = bpf_map__set_max_entries(program.maps.sockets, at_least_one(queues));
    if (result == 0)
        result = bpf_map__set_max_entries(program.maps.owned_v4,
                                          static_cast<std::uint32_t>(v4) + steering::groups_max);
    if (result == 0) result = bpf_map__set_max_entries(program.maps.owned_v6, at_least_one(v6));
    return result;
}

int add_owned(steer& program, const stack::ip_address& address) {
    const std::uint8_t yes = 1;
    const auto& octets = address.octets();
    if (address.is_v4())
        return bpf_map__update_elem(program.maps.owned_v4, octets.data() + 12, 4, &yes, sizeof yes,
                                    BPF_ANY);
    return bpf_map__update_elem(program.maps.owned_v6, octets.data(), octets.size(), &yes,
                                sizeof yes, BPF_ANY);
}

}  // namespace

std::variant<std::unique_ptr<steering>, failure> steering::load(
    const interface_facts& facts, std::span<const stack::ip_prefix> owned) {
    libbpf_set_print(keep_warning);
    last_warning.clear();
    auto p = std::make_unique<parts>();
    p->facts = facts;
    p->program = steer__open();
    if (p->program == nullptr) return failure{load_failure(errno)};
    int result = set_sizes(*p->program, facts.receive_queues, owned);
    if (result == 0) result = steer__load(p->program);
    for (const auto& prefix : owned)
        if (result == 0) result = add_owned(*p->program, prefix.address);
    if (result != 0) return failure{load_failure(-result)};
    return std::unique_ptr<steering>(new steering(std::move(p)));
}

bool steering::own(const stack::ip_address& group) noexcept {
    return add_owned(*parts_->program, group) == 0;
}

void steering::disown(const stack::ip_address& group) noexcept {
    static_cast<void>(
        bpf_map__delete_elem(parts_->program->maps.owned_v4, group.octets().data() + 12, 4, 0));
}

std::string steering::set_socket(unsigned queue, int descriptor) {
    const int result = bpf_map__update_elem(parts_->program->maps.sockets, &queue, sizeof queue,
                                            &descriptor, sizeof descriptor, BPF_ANY);
    if (result == 0) return {};
    return "the kernel refuses the AF_XDP socket of queue " + std::to_string(queue) + ": " +
           std::strerror(-result);
}

namespace {

std::string attach_failure(const interface_facts& facts, steering::mode how, int error) {
    const bool native = how == steering::mode::native;
    const std::string on = facts.name + " (driver " + facts.driver + ")";
    switch (error) {
        case EBUSY:
        case EEXIST:
            return facts.name +
                   " has an XDP program already: end the program that attached it, "
                   "or remove it with: ip link set dev " +
                   facts.name + " xdp off";
        case EPERM:
        case EACCES:
            return "can't attach an XDP program to " + facts.name +
                   ": CAP_NET_ADMIN is missing; run as root";
        case EOPNOTSUPP:
            if (native)
                return on +
                       " can't run XDP programs in the driver, or not with its present "
                       "offloads: use mode=skb";
            break;
        case ENOSPC:
            if (facts.driver == "veth")
                return "the other end of " + facts.name +
                       " has more transmit queues than this end receive queues: make them equal "
                       "(ethtool -L), or use mode=skb";
            break;
        case ERANGE:
        case EINVAL:
            if (native)
                return on + " does not run XDP programs in the driver with MTU " +
                       std::to_string(facts.mtu) +
                       " and its present settings: lower the MTU, or "
                       "use mode=skb";
            break;
        default: break;
    }
    return "can't attach the XDP program to " + on + " in " + (native ? "native" : "skb") +
           " mode: " + std::strerror(error);
}

}  // namespace

steering::attached steering::attach(mode how) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = how == mode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    const int program = program_descriptor();
    const int error = retry_while_busy([&] {
        // A link, not a plain attachment: it goes when its descriptor goes, also by SIGKILL.
        const int link =
            bpf_link_create(program, static_cast<int>(parts_->facts.index), BPF_XDP, &options);
        if (link < 0) return -link;
        parts_->link = link;
        return 0;
    });
    if (error == 0) return {};
    return {attach_failure(parts_->facts, how, error), error == EBUSY || error == EEXIST};
}

}  // namespace coax::backends
