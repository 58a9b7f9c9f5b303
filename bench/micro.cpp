// The parts of the way of a message, each by itself: the Internet checksum, finding a connection,
// timers, and what a coroutine costs. bench_stack has them together.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <coax/coax.hpp>

#include "bench/cases.hpp"
#include "bench/two_stacks.hpp"
#include "stack/tcp/demux.hpp"
#include "stack/tcp/secrets.hpp"
#include "stack/tcp/wheel.hpp"
#include "stack/wire/checksum.hpp"

namespace {

namespace asio = boost::asio;
using bench::keep;
using bench::measured_case;
using bench::unit_runner;
using namespace coax;

// --- checksums

using buffer = std::array<std::byte, 2048>;

template <std::size_t Size>
unit_runner sums() {
    return [data = std::make_shared<buffer>()](std::uint64_t units) {
        std::uint64_t sum = 0;
        for (; units != 0; --units) {
            sum = stack::wire::sum_bytes(sum, data->data(), Size);
            keep(sum);
        }
    };
}

template <std::size_t Size>
unit_runner copies() {
    return
        [from = std::make_shared<buffer>(), to = std::make_shared<buffer>()](std::uint64_t units) {
            std::uint64_t sum = 0;
            for (; units != 0; --units) {
                sum = stack::wire::copy_and_sum(sum, to->data(), from->data(), Size);
                keep(sum);
            }
        };
}

// --- which connection is it? The keyed hash of a segment's addresses and ports, and the table.

class flows {
  public:
    explicit flows(std::uint32_t count) : random_(1), keys_(random_) {
        for (std::uint32_t i = 0; i < count; ++i) {
            const stack::flow each{
                {stack::ip_address::v4(198, 18, 0, 1), 7},
                {stack::ip_address::v4(198, 19, static_cast<std::uint8_t>(i >> 14), 1),
                 static_cast<std::uint16_t>(1024 + (i & 0x3fff))}};
            segments_.push_back(stack::tcp::ipv4_key_of(each));
            table_.insert(keys_.demux_hash(each), {stack::tcp::reference::kind::connection, i});
        }
    }
    // Strides through the flows, so that neighbours are not asked for in a row.
    void look_up(std::uint64_t units) {
        for (; units != 0; --units) {
            at_ = (at_ + 7919) % segments_.size();
            const stack::wire::ipv4_key key = segments_[at_];
            const auto found =
                table_.find(keys_.demux_hash(key), [&](stack::tcp::reference candidate) {
                    return segments_[candidate.index()].addresses == key.addresses &&
                           segments_[candidate.index()].ports == key.ports;
                });
            bench::require(found.index() == at_, "the flow is in the table");
        }
    }

  private:
    bench::splitmix random_;
    stack::tcp::secrets keys_;
    stack::tcp::demux_table table_;
    std::vector<stack::wire::ipv4_key> segments_;
    std::size_t at_ = 0;
};

template <std::uint32_t Count>
unit_runner demux() {
    return [table = std::make_shared<flows>(Count)](std::uint64_t units) { table->look_up(units); };
}

// --- timers: each connection's is armed again and again, and some fire

class timers {
  public:
    explicit timers(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            nodes_.push_back(std::make_unique<stack::tcp::timer_node>(
                stack::tcp::timer_node::owner::connection));
            arm_next();
        }
    }
    ~timers() {
        for (const auto& each : nodes_) wheel_.disarm(*each);
    }
    timers(const timers&) = delete;
    timers& operator=(const timers&) = delete;

    void arm(std::uint64_t units) {
        for (; units != 0; --units) arm_next();
    }
    // One after the other: time goes on to where the next one fires, and it is armed anew.
    void fire(std::uint64_t units) {
        while (units != 0) {
            now_ = std::max(now_, wheel_.next_deadline());
            while (stack::tcp::timer_node* const node = wheel_.take_expired(now_)) {
                wheel_.arm(*node, now_ + delay());
                if (units != 0) --units;
            }
        }
    }

  private:
    void arm_next() {
        at_ = at_ + 1 < nodes_.size() ? at_ + 1 : 0;
        wheel_.arm(*nodes_[at_], now_ + delay());
    }
    // 200 to 456 ms.
    stack::duration delay() {
        return std::chrono::milliseconds(200) + std::chrono::microseconds(random_.next() & 0x3ffff);
    }

    bench::splitmix random_{1};
    stack::instant now_{std::chrono::hours(1)};
    stack::tcp::wheel wheel_;
    std::vector<std::unique_ptr<stack::tcp::timer_node>> nodes_;
    std::size_t at_ = 0;
};

template <std::size_t Count>
unit_runner arming() {
    return [all = std::make_shared<timers>(Count)](std::uint64_t units) { all->arm(units); };
}
template <std::size_t Count>
unit_runner firing() {
    return [all = std::make_shared<timers>(Count)](std::uint64_t units) { all->fire(units); };
}

// --- coroutines

class context {
  public:
    coax::io_context& io() { return io_; }
    template <class Coroutine>
    void run(Coroutine coroutine) {
        using asio::co_spawn;
        using coax::co_spawn;
        co_spawn(io_, std::move(coroutine), asio::detached);
        io_.restart();
        io_.run();
    }

  private:
    coax::virtual_clock clock_;
    coax::io_context io_{
        coax::context_options{.backend = "wire:bench_micro,ip=198.18.7.1/24", .clock = &clock_}};
};

coax::task<std::uint64_t> callee(std::uint64_t value) { co_return value + 1; }
coax::awaitable<std::uint64_t> awaitable_callee(std::uint64_t value) { co_return value + 1; }

coax::task<> call(std::uint64_t units) {
    std::uint64_t value = 0;
    while (value < units) value = co_await callee(value);
}
coax::awaitable<> awaitable_call(std::uint64_t units) {
    std::uint64_t value = 0;
    while (value < units) value = co_await awaitable_callee(value);
}
coax::task<> yield(coax::executor where, std::uint64_t units) {
    for (; units != 0; --units) co_await asio::post(where, asio::deferred);
}
coax::awaitable<> awaitable_yield(coax::executor where, std::uint64_t units) {
    for (; units != 0; --units) co_await asio::post(where, asio::deferred);
}

unit_runner calls() {
    return [at = std::make_shared<context>()](std::uint64_t units) { at->run(call(units)); };
}
unit_runner awaitable_calls() {
    return
        [at = std::make_shared<context>()](std::uint64_t units) { at->run(awaitable_call(units)); };
}
unit_runner yields() {
    return [at = std::make_shared<context>()](std::uint64_t units) {
        at->run(yield(at->io().get_executor(), units));
    };
}
unit_runner awaitable_yields() {
    return [at = std::make_shared<context>()](std::uint64_t units) {
        at->run(awaitable_yield(at->io().get_executor(), units));
    };
}

constexpr std::array cases{
    measured_case{"sum-64", "64 bytes summed", 10'000'000, sums<64>},
    measured_case{"sum-1460", "1,460 bytes summed", 2'000'000, sums<1460>},
    measured_case{"copy-sum-64", "64 bytes copied and summed", 10'000'000, copies<64>},
    measured_case{"copy-sum-1460", "1,460 bytes copied and summed", 2'000'000, copies<1460>},
    measured_case{"demux-1", "look-up, 1 connection", 5'000'000, demux<1>},
    measured_case{"demux-1000", "look-up, 1,000 connections", 5'000'000, demux<1'000>},
    measured_case{"demux-1000000", "look-up, 1,000,000 connections", 2'000'000, demux<1'000'000>},
    measured_case{"arm-1", "timer armed again, 1 of them", 5'000'000, arming<1>},
    measured_case{"arm-1000000", "timer armed again, 1,000,000 of them", 2'000'000,
                  arming<1'000'000>},
    measured_case{"fire-1000000", "timer fired and armed, 1,000,000 of them", 2'000'000,
                  firing<1'000'000>},
    measured_case{"call-task", "coax::task that awaits another", 5'000'000, calls},
    measured_case{"call-awaitable", "coax::awaitable that awaits another", 2'000'000,
                  awaitable_calls},
    measured_case{"yield-task", "way through the context's queue, coax::task", 2'000'000, yields},
    measured_case{"yield-awaitable", "the same, coax::awaitable", 2'000'000, awaitable_yields},
};

}  // namespace

int main(int count, char** words) { return bench::run_cases("bench_micro", cases, count, words); }
