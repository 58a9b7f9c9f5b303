// The flight against a plain list, and the arithmetic of proportional rate reduction.
#include "stack/tcp/flight.hpp"

#include <vector>

#include <catch2/catch.hpp>

#include "stack/tcp/rate_reduction.hpp"
#include "tests/tcp/seeded.hpp"

using namespace coax::stack;
using namespace coax::stack::tcp;
using coax::tests::seeded;
using namespace std::chrono_literals;

namespace {

struct piece {
    seq first, last;
    bool marked = false;
};

void compare(const flight& f, const std::vector<piece>& model) {
    auto m = model.begin();
    for (flight::position p = f.first(); p; p = f.next(p), ++m) {
        REQUIRE(m != model.end());
        REQUIRE(p->first == m->first);
        REQUIRE(p->last == m->last);
        REQUIRE(p->sacked == m->marked);
    }
    REQUIRE(m == model.end());
    auto back = model.rbegin();
    for (flight::position p = f.last(); p; p = f.previous(p), ++back)
        REQUIRE(p->first == back->first);
    REQUIRE(back == model.rend());
}

void cut_somewhere(flight& f, flight_pool& pool, std::vector<piece>& model, seeded& random) {
    const std::size_t at = random.below(model.size());
    const std::uint32_t size = model[at].last - model[at].first;
    if (size < 2) return;
    const seq cut = model[at].first + 1 + static_cast<std::uint32_t>(random.below(size - 1));
    flight::position p = f.find(cut);
    REQUIRE(p);
    REQUIRE(p->first == model[at].first);
    p = f.split(pool, p, cut, 100);
    REQUIRE(p);
    REQUIRE(p->last == cut);
    REQUIRE(f.next(p)->first == cut);
    model.insert(model.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                 {cut, model[at].last, model[at].marked});
    model[at].last = cut;
}

}  // namespace

TEST_CASE("a flight is what a list would be") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        seeded random(seed);
        flight_pool pool(1 << 20);
        flight f;
        std::vector<piece> model;
        seq nxt(0xffff0000U);
        for (int i = 0; i < 3000; ++i) {
            const auto n = static_cast<std::uint32_t>(1 + random.below(3000));
            switch (random.below(6)) {
                case 0:
                case 1:
                    if (model.size() > 200) break;
                    REQUIRE(f.append(pool, model.empty() ? nxt : model.front().first, nxt, nxt + n,
                                     1460, 100, instant(1s)) != nullptr);
                    model.push_back({nxt, nxt + n});
                    nxt += n;
                    break;
                case 2: {  // acknowledge a part
                    if (model.empty() || random.below(8) != 0) break;
                    const seq una = model[random.below(model.size())].first + n % 100;
                    std::uint32_t told = 0;
                    const seq before = model.front().first;
                    f.acknowledge(pool, una,
                                  [&](const transmission&, std::uint32_t b) { told += b; });
                    while (!model.empty() && model.front().last <= una) model.erase(model.begin());
                    if (!model.empty()) model.front().first = later_of(model.front().first, una);
                    const seq after = model.empty() ? nxt : model.front().first;
                    REQUIRE(told == after - before);
                    break;
                }
                case 3:
                    if (!model.empty() && model.size() <= 300)
                        cut_somewhere(f, pool, model, random);
                    break;
                case 4: {  // mark
                    if (model.empty()) break;
                    const std::size_t at = random.below(model.size());
                    f.find(model[at].first)->sacked = model[at].marked = true;
                    break;
                }
                default: {  // merge
                    if (model.size() < 2) break;
                    const std::size_t at = random.below(model.size() - 1);
                    const flight::position p = f.find(model[at].first);
                    if (!f.has_next_in_block(p)) break;
                    f.merge_next(p);
                    model[at].last = model[at + 1].last;
                    model.erase(model.begin() + static_cast<std::ptrdiff_t>(at) + 1);
                    break;
                }
            }
            compare(f, model);
        }
        CHECK_FALSE(f.find(nxt));
        f.clear(pool);
        CHECK(f.empty());
        CHECK(pool.used() == 0);
    }
}

TEST_CASE("a flight at its limits") {
    flight_pool pool(4 * sizeof(flight_block));
    flight f;
    seq nxt(1);
    for (int i = 0; i < 100; ++i, nxt += 100)
        REQUIRE(f.append(pool, seq(1), nxt, nxt + 100, 100, 3, instant(1s)) != nullptr);
    CHECK(pool.used() == 3);
    CHECK(f.newest().last == nxt);  // the last record grew
    const flight::position p = f.find(seq(150));
    REQUIRE(p);
    CHECK_FALSE(f.split(pool, p, seq(150), 3));
    CHECK(p->last == seq(201));
    f.clear(pool);
    flight_pool none(0);
    CHECK(f.append(none, seq(1), seq(1), seq(2), 1, 3, instant(1s)) == nullptr);
}

TEST_CASE("a lone segment has no record until somebody wants it") {
    flight_pool pool(1 << 20);
    flight f;
    f.begin_lone(instant(3s));
    CHECK_FALSE(f.empty());
    CHECK(f.is_lone());
    CHECK(f.oldest_sent_at() == instant(3s));
    CHECK(pool.used() == 0);

    // A part of it was acknowledged: [150, 200) is left.
    REQUIRE(f.settle(pool, seq(150), seq(200)));
    CHECK_FALSE(f.is_lone());
    CHECK(f.oldest().first == seq(150));
    CHECK(f.oldest().last == seq(200));
    CHECK(f.oldest().segment == 50);
    CHECK(f.oldest_sent_at() == instant(3s));
    CHECK(f.first().block->oldest == instant(3s));
    CHECK_FALSE(f.oldest().resent);
    CHECK(pool.used() == 1);
    CHECK(f.settle(pool, seq(150), seq(200)));  // once
    CHECK(pool.used() == 1);
    f.clear(pool);
    CHECK(f.empty());

    f.begin_lone(instant{});  // the first moment of all is one, too
    CHECK(f.is_lone());
    f.end_lone();
    CHECK(f.empty());

    // More is sent behind it.
    f.begin_lone(instant(3s));
    REQUIRE(f.append(pool, seq(100), seq(200), seq(300), 100, 100, instant(4s)) != nullptr);
    CHECK(f.oldest().first == seq(100));
    CHECK(f.oldest().last == seq(200));
    CHECK(f.newest().first == seq(200));
    CHECK(f.newest().sent_at == instant(4s));
    f.clear(pool);

    flight_pool none(0);
    f.begin_lone(instant(3s));
    CHECK_FALSE(f.settle(none, seq(100), seq(200)));
    CHECK(f.append(none, seq(100), seq(200), seq(300), 100, 100, instant(4s)) == nullptr);
    CHECK(f.is_lone());
    f.clear(none);
    CHECK(f.empty());
    CHECK(pool.used() == 0);
}

// RFC 6937bis: twenty segments in flight, the first is lost, the threshold is half
TEST_CASE("PRR: proportional part") {
    rate_reduction prr;
    prr.begin(20);
    std::uint32_t flying = 19;
    std::uint32_t sent = 0;
    std::vector<std::uint32_t> when;
    for (std::uint32_t n = 1; n <= 19; ++n) {
        --flying;
        const std::uint32_t count = prr.allowance(1, flying, 10, 1, false);
        prr.on_sent(count);
        flying += count;
        sent += count;
        if (count != 0) when.push_back(n);
    }
    CHECK(sent == 10);  // the last two by PRR-SSRB: the flight had come down to the threshold
    CHECK(when == std::vector<std::uint32_t>{1, 3, 5, 7, 9, 11, 13, 15, 18, 19});
    CHECK(flying == 10);
}

// RFC 6937bis: after heavy losses: conservation, and with SafeACK one more
TEST_CASE("PRR: the conservative and the slow-start bound") {
    rate_reduction prr;
    prr.begin(20);
    CHECK(prr.allowance(1, 4, 10, 1, false) == 1);  // PRR-CRB
    prr.on_sent(1);
    CHECK(prr.allowance(1, 4, 10, 1, true) == 2);  // PRR-SSRB
    prr.on_sent(2);
    CHECK(prr.allowance(3, 2, 10, 1, false) == 3);
    prr.on_sent(0);
    CHECK(prr.allowance(0, 0, 10, 1, false) == 2);  // what was not sent may still go
    CHECK(prr.allowance(9, 9, 10, 1, true) == 1);   // never above the threshold
}

// What was kept back goes at twice the rate of delivery, not as one burst: fewer than RFC 6937bis
// allows, whose bound is the sum of what was delivered.
TEST_CASE("proportional rate reduction: many losses found at once leave no burst behind") {
    rate_reduction prr;
    prr.begin(400);
    for (int i = 0; i < 100; ++i) prr.on_sent(prr.allowance(1, 399, 200, 1, false));
    CHECK(prr.allowance(1, 100, 200, 1, false) == 4);  // the reduction kept back fifty
    prr.on_sent(4);
    CHECK(prr.allowance(2, 104, 200, 1, true) == 7);
    prr.on_sent(7);
    CHECK(prr.allowance(100, 110, 200, 1, false) == 90);  // never beyond the threshold
}
