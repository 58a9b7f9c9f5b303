// What a run promises: the same seed is the same run.

#include "tests/sim/swarm/run.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace coax::sim;

TEST_CASE("the same seed gives the same frames at the same moments") {
    for (const std::uint64_t seed : {3U, 17U, 99U}) {
        const run_result first = run_seed(seed);
        const run_result second = run_seed(seed);
        CHECK(first.digest == second.digest);
        CHECK(first.frames == second.frames);
        CHECK(first.lasted == second.lasted);
    }
    CHECK(run_seed(3).digest != run_seed(4).digest);
}

}  // namespace
