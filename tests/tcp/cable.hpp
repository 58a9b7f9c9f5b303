// Two TCP layers back to back in virtual time, over a cable that can lose, delay, duplicate and
// reorder by a seed. Segments travel as values; no IP, no frames.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <vector>

#include "stack/tcp/layer.hpp"
#include "tests/tcp/seeded.hpp"

namespace coax::tests {

using namespace std::chrono_literals;

struct cable_faults {
    double loss = 0;
    double duplication = 0;
    double reordering = 0;  // chance of an extra delay
    stack::duration delay = 1ms;
    stack::duration extra = 3ms;
};

struct travelling {
    stack::tcp::segment segment;
    std::vector<std::byte> payload;
};

// Side 0 is 198.18.0.1 (client by custom), side 1 is 198.18.0.2.
class cable {
  public:
    explicit cable(std::uint64_t seed, cable_faults faults = {},
                   stack::tcp_config config = stack::tcp_config());

    stack::tcp::layer& side(std::size_t n) { return n == 0 ? first_ : second_; }
    static stack::ip_address address(std::size_t n) {
        return stack::ip_address::v4(198, 18, 0, static_cast<std::uint8_t>(n + 1));
    }
    stack::instant now() const { return now_; }

    // Sends what is due, moves time to the next thing that happens and lets it happen. False:
    // nothing will ever happen, or not before `until`.
    bool step(stack::instant until = stack::never);
    // Steps until done() or `limit` of virtual time has passed; tells whether done.
    bool run(const std::function<bool()>& done, stack::duration limit = 3600s);
    void run_for(stack::duration d);

    std::uint16_t mtu = 1500;
    cable_faults faults;
    std::uint64_t carried = 0;  // segments
    std::uint64_t lost = 0;

  private:
    void pull(std::size_t from);
    void put(std::size_t from, const travelling& t);

    seeded random_;
    seeded first_random_;
    seeded second_random_;
    stack::tcp::layer first_;
    stack::tcp::layer second_;
    stack::instant now_{1000s};
    std::uint64_t order_ = 0;
    std::map<std::pair<stack::instant, std::uint64_t>, std::pair<std::size_t, travelling>> flying_;
};

}  // namespace coax::tests
