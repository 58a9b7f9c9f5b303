// How a layer's counters are named: a plain struct of 64-bit numbers and one table of names beside
// it. Counting is an increment of a member; names are only read by whoever prints.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace coax::stack {

template <class Counters>
struct counter_field {
    std::string_view name;  // "layer.reason"
    std::uint64_t Counters::* value;
};

// Counters::fields() is the table. Calls visit(name, value) for each in its order.
template <class Counters, class Visit>
void visit_counters(const Counters& counters, Visit&& visit) {
    static_assert(Counters::fields().size() * sizeof(std::uint64_t) == sizeof(Counters),
                  "a counter without a name");
    for (const auto& field : Counters::fields()) visit(field.name, counters.*field.value);
}

}  // namespace coax::stack
