// The end of an input for one TCP layer: its user has closed all, and time passes until no timer
// runs. Then nothing is left.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>

#include "stack/tcp/layer.hpp"
#include "tests/fuzz/target.hpp"

namespace coax::fuzz {

// `pull` takes what the layer sends, and checks it.
template <class Pull>
void expect_ending(stack::tcp::layer& layer, stack::instant& now, Pull&& pull) {
    constexpr int steps_max = 20'000;
    for (int i = 0; i < steps_max; ++i) {
        pull();
        const stack::instant next = layer.next_deadline();
        if (next == stack::never) break;
        now = std::max(now, next);
        layer.advance(now);
    }
    expect(layer.socket_count() == 0, "no socket is left");
    expect(layer.next_sender() == nullptr, "nobody has to send");
    expect(layer.next_deadline() == stack::never, "no timer is left");
    stack::tcp::layer_usage left = layer.usage();
    for (const auto& [name, field] : stack::tcp::layer_usage::fields()) {
        if (is_tracing() && left.*field != 0)
            std::fprintf(stderr, "left: %s\n", std::string(name).c_str());
        expect(left.*field == 0, "nothing is left");
    }
}

}  // namespace coax::fuzz
