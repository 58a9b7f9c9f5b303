// The tables of the key-value server: walking, accounts of memory, expiry, eviction.
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "services/kv/store.hpp"

using namespace coax::services::kv;

namespace {

const hash_key key{1, 2};

std::string name(int i) { return "key:" + std::to_string(i); }

}  // namespace

TEST_CASE("kv: a dictionary holds what was put into it, growing and shrinking") {
    dictionary<int> d(key);
    for (int i = 0; i < 5'000; ++i) CHECK(d.emplace(name(i), i).second);
    CHECK_FALSE(d.emplace(name(7), 1).second);
    CHECK(d.size() == 5'000);
    for (int i = 0; i < 5'000; ++i)
        if (i % 50 != 0) CHECK(d.erase(name(i)));
    CHECK(d.size() == 100);
    for (int i = 0; i < 5'000; ++i) {
        const auto* const n = d.find(name(i));
        CHECK((n != nullptr) == (i % 50 == 0));
        if (n != nullptr) CHECK(n->value == i);
    }
    CHECK(d.bytes() < 100 * 100 + 1'024 * sizeof(void*));
    random_sequence chance(3);
    std::set<int> met;
    for (int i = 0; i < 3'000; ++i) met.insert(d.random(chance)->value);
    CHECK(met.size() == 100);
}

TEST_CASE("kv: a walk in steps meets what is there all the time, whatever the table does") {
    for (const bool grows : {true, false}) {
        dictionary<int> d(key);
        const int at_first = grows ? 500 : 20'000;
        for (int i = 0; i < at_first; ++i) d.emplace(name(i), i);
        std::set<std::string> met;
        std::uint64_t cursor = 0;
        int step = 0;
        do {
            cursor = d.scan(cursor, [&](const auto& n) { met.insert(n.key); });
            if (grows && step < 400)
                for (int i = 0; i < 20; ++i) d.emplace("new:" + std::to_string(step * 20 + i), 0);
            else if (!grows)
                for (int i = 0; i < 20; ++i) d.erase(name(500 + step * 20 + i));
        } while (cursor != 0 && ++step < 100'000);
        REQUIRE(cursor == 0);
        for (int i = 0; i < 500; ++i) CHECK(met.contains(name(i)));
    }
}

TEST_CASE("kv: the account of memory is zero when all is gone") {
    store s({}, key, 1);
    const std::string big(1'000, 'x');
    for (int i = 0; i < 200; ++i) {
        s.set_expiry(s.assign(name(i), big), 1'000 + i);
        const auto [p, is_new] = s.find_or_make("list" + name(i));
        p->value.held = list_value();
        auto& list = std::get<list_value>(p->value.held);
        for (int k = 0; k < 10; ++k) list.push(k % 2 == 0, big);
        list.set(3, "short");
        s.changed(p);
        const auto [q, fresh] = s.find_or_make("hash" + name(i));
        q->value.held = hash_value(key);
        auto& hash = std::get<hash_value>(q->value.held);
        hash.set("a", big);
        hash.set("a", "b");
        hash.set(big, big);
        s.changed(q);
    }
    CHECK(s.memory() > 200 * 12'000);
    for (int i = 0; i < 200; ++i) {
        CHECK(s.erase(name(i)));
        auto* p = s.find("list" + name(i));
        std::get<list_value>(p->value.held).trim(0, 0);
        s.changed(p);
        p = s.find("hash" + name(i));
        CHECK(std::get<hash_value>(p->value.held).erase("a"));
        CHECK(std::get<hash_value>(p->value.held).erase(big));
        s.changed(p);
    }
    CHECK(s.size() == 0);
    CHECK(s.expiring() == 0);
    CHECK(s.memory() < 200);
}

TEST_CASE("kv: LREM from both ends keeps the rest in order, and the account right") {
    const std::string x(100, 'x');
    list_value list;
    for (const char* item : {"", "a", "", "b", "", "c", ""}) list.push(false, *item ? item : x);
    CHECK(list.remove(x, 2, true) == 2);
    CHECK(list.items() == std::deque<std::string>{x, "a", x, "b", "c"});
    CHECK(list.remove(x, 1, false) == 1);
    CHECK(list.items() == std::deque<std::string>{"a", x, "b", "c"});
    CHECK(list.remove("a", 9, true) == 1);
    CHECK(list.remove("c", 9, false) == 1);
    CHECK(list.items() == std::deque<std::string>{x, "b"});
    list_value same;
    same.push(false, x);
    same.push(false, "b");
    CHECK(list.bytes() == same.bytes());
}

TEST_CASE("kv: keys expire when asked for, and by themselves") {
    store s({}, key, 1);
    s.set_now(1'000);
    for (int i = 0; i < 100; ++i) s.set_expiry(s.assign(name(i), "v"), 2'000 + i);
    s.assign("stays", "v");
    s.set_now(2'000);
    CHECK(s.find(name(0)) == nullptr);
    CHECK(s.find(name(1)) != nullptr);
    s.set_now(2'050);
    CHECK(s.expire_some(10));
    CHECK(s.size() == 90);
    CHECK_FALSE(s.expire_some(1'000));
    CHECK(s.size() == 50);
    CHECK(s.counts().expired == 51);
    s.set_now(1'000'000);
    CHECK(s.random()->key == "stays");
    CHECK(s.size() <= 50);
}

TEST_CASE("kv: a full store evicts what was not used lately") {
    store s({1'000'000, eviction_policy::allkeys_lru}, key, 1);
    const std::string big(1'000, 'x');
    s.assign("used", big);
    for (int i = 0; i < 20'000; ++i) {
        REQUIRE(s.make_room(1'200));
        s.assign(name(i), big);
        CHECK(s.find("used") != nullptr);
        CHECK(s.memory() <= 1'000'000);
    }
    CHECK(s.counts().evicted > 19'000);
    int young = 0;
    for (int i = 19'000; i < 20'000; ++i) young += s.find(name(i)) != nullptr ? 1 : 0;
    CHECK(young > 500);
    CHECK_FALSE(s.make_room(1'000'001));
}

TEST_CASE("kv: without eviction there is no room") {
    store s({100'000, eviction_policy::noeviction}, key, 1);
    int i = 0;
    while (s.make_room(1'200) && i < 1'000) s.assign(name(i++), std::string(1'000, 'x'));
    CHECK(i > 50);
    CHECK(i < 100);
    CHECK(s.counts().evicted == 0);
}
