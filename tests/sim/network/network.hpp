// The parts of a simulated network in one place: virtual time, frames, hosts, routers, lanes, and
// the lines between them. Two shapes are ready made: a cable between two hosts, and a router with a
// host at each port. Everything that happens follows from the options and the seeds in them.
//
//     network net;
//     host& a = net.add_host(options_a);
//     host& b = net.add_host(options_b);
//     net.cable(a, b, there, back, seed);
//     net.run_until([&] { return done; }, std::chrono::minutes(5));
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tests/sim/network/host.hpp"
#include "tests/sim/network/lane.hpp"
#include "tests/sim/network/router.hpp"

namespace coax::sim {

class network {
  public:
    network() = default;
    ~network();
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    host& add_host(const host_options& options);
    lane& add_lane(const lane_options& options, std::uint64_t seed);
    router& add_router();

    // `there`: from a to b.
    void cable(host& a, host& b, const lane_options& there, const lane_options& back,
               std::uint64_t seed);
    // A port of the router for the host, whose gateway is the router's address there.
    void attach(router& at, host& h, const lane_options& to_router, const lane_options& to_host,
                std::uint16_t mtu, bool tells_mtu, std::uint64_t seed);

    // An IPv4 frame that no stack made, onto the line of this host: what stands in its Ethernet
    // header is set. For hosts that forge.
    void inject(const host& at, frame_ptr forged);

    // Every frame of every host is shown to it from now on.
    void watch_with(frame_observer& observer);
    // Lets things happen until `done`, at most for `limit` of virtual time. False: not done.
    bool run_until(const std::function<bool()>& done, stack::duration limit);
    void run_for(stack::duration time) {
        run_until([] { return false; }, time);
    }

    stack::instant now() const noexcept { return time_.now(); }
    std::uint64_t events() const noexcept { return time_.happened(); }
    schedule& time() noexcept { return time_; }
    frame_pool& frames() noexcept { return frames_; }
    const std::vector<std::unique_ptr<host>>& hosts() const noexcept { return hosts_; }
    const std::vector<std::unique_ptr<lane>>& lanes() const noexcept { return lanes_; }

  private:
    struct line {  // of a host
        const host* from;
        lane* out;
        stack::mac_address next;  // who takes in what it sends
    };

    schedule time_;
    frame_pool frames_;
    std::vector<std::unique_ptr<lane>> lanes_;
    std::vector<std::unique_ptr<router>> routers_;
    std::vector<std::unique_ptr<host>> hosts_;
    std::vector<line> lines_;
};

}  // namespace coax::sim
