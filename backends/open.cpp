// Which backends there are here, and opening one: the only file that knows all of them.
#include "backends/xdp/open.hpp"

#include <cerrno>
#include <cstring>
#include <random>

#include "backends/capture/driver.hpp"
#include "backends/faults/driver.hpp"
#include "backends/ring.hpp"
#include "backends/shards/driver.hpp"
#include "backends/spec.hpp"
#include "backends/wire/wire.hpp"

namespace coax::backends {

namespace {

using opened = std::variant<std::unique_ptr<driver>, failure>;

// Every context sleeps in io_uring, whatever its backend.
std::string ring_obstacle() {
    ring probe;
    const std::error_code error = probe.open(8);
    if (!error) return {};
    switch (error.value()) {
        case ENOSYS: return "this kernel has no io_uring (CONFIG_IO_URING)";
        case EPERM:
            return "io_uring is forbidden here: sysctl kernel.io_uring_disabled=0 allows it, a "
                   "container may need its seccomp profile changed";
        default: return "can't open an io_uring: " + error.message();
    }
}

opened wrapped(opened inner, const fault_options& faults, const std::string& capture) {
    if (std::holds_alternative<failure>(inner)) return inner;
    auto moving = std::move(std::get<std::unique_ptr<driver>>(inner));
    // The capture outside: it shows what the stack sees.
    return add_capture(add_faults(std::move(moving), faults), capture);
}

struct opener {
    opened operator()(const kernel_spec&) const {
        return failure{"the backend kernel moves no frames"};
    }
    opened operator()(const wire_spec& what) const {
        return wrapped(open_wire(what), what.faults, what.capture);
    }
    opened operator()(const xdp_spec& what) const {
        return wrapped(open_xdp(what), what.faults, what.capture);
    }
};

}  // namespace

opened open_driver(const spec& what) { return std::visit(opener{}, what); }

namespace {

using opened_queues = std::variant<std::vector<std::unique_ptr<driver>>, failure>;

struct queue_opener {
    unsigned count;
    opened_queues operator()(const kernel_spec&) const {
        return failure{"the backend kernel moves no frames"};
    }
    opened_queues operator()(const wire_spec& what) const { return open_wire_queues(what, count); }
    opened_queues operator()(const xdp_spec& what) const { return open_xdp_queues(what, count); }
};

// What goes around the drivers of a group: faults are of a queue, so within; a capture shows what a
// shard's stack sees, handed over or not, so outside.
struct surroundings {
    fault_options faults;
    std::string capture;
};
surroundings around(const kernel_spec&) { return {}; }
template <class Spec>
surroundings around(const Spec& what) {
    return {what.faults, what.capture};
}

std::shared_ptr<shards::exchange> make_exchange(unsigned count) {
    std::random_device source;
    const auto word = [&source] { return std::uint64_t{source()} << 32 | source(); };
    return std::make_shared<shards::exchange>(count, stack::siphash_key{word(), word()});
}

}  // namespace

opened_queues open_shard_drivers(const spec& what, unsigned count) {
    std::vector<std::unique_ptr<driver>> alone;
    if (count == 1) {
        auto one = open_driver(what);
        if (auto* failed = std::get_if<failure>(&one)) return std::move(*failed);
        alone.push_back(std::move(std::get<0>(one)));
        return alone;
    }
    auto result = std::visit(queue_opener{count}, what);
    if (std::holds_alternative<failure>(result)) return result;
    auto& drivers = std::get<0>(result);
    const surroundings outer = std::visit([](const auto& s) { return around(s); }, what);
    for (unsigned i = 0; i != count; ++i) {
        fault_options own = outer.faults;
        own.seed += i;
        drivers[i] = add_faults(std::move(drivers[i]), own);
    }
    const auto all = make_exchange(count);
    if (const std::error_code wrong = all->open_bells())
        return failure{"no pipe for each shard: " + wrong.message() +
                       ": raise the limit of open files"};
    drivers = shards::join(std::move(drivers), all);
    for (unsigned i = 0; i != count && !outer.capture.empty(); ++i) {
        auto seen = add_capture(std::move(drivers[i]), outer.capture + "." + std::to_string(i));
        if (auto* failed = std::get_if<failure>(&seen)) return std::move(*failed);
        drivers[i] = std::move(std::get<0>(seen));
    }
    return result;
}

std::vector<availability> available_backends() {
    const std::string ring = ring_obstacle();
    const auto make = [&ring](const char* kind, std::string obstacle, const char* example) {
        availability a{kind, false, ring, example};
        if (a.reason.empty()) a.reason = std::move(obstacle);
        a.available = a.reason.empty();
        return a;
    };
    return {make("kernel", {}, "kernel"), make("wire", {}, "wire"),
            make("xdp", xdp_obstacle(), "xdp:eth0,ip=198.18.0.2/24")};
}

}  // namespace coax::backends
