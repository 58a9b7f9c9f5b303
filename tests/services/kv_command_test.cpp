// Every command as a client sees it, without sockets.
#include <string>

#include <catch2/catch.hpp>

#include "services/kv/values.hpp"
#include "tests/services/kv_desk.hpp"

using namespace coax::services::kv;

namespace {

const std::string wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const std::string no_number = "-ERR value is not an integer or out of range\r\n";
const std::string syntax = "-ERR syntax error\r\n";
const std::string null = "$-1\r\n";

std::string bulk(const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
template <class... Text>
std::string array(const Text&... text) {
    return "*" + std::to_string(sizeof...(text)) + "\r\n" + (std::string() + ... + bulk(text));
}

}  // namespace

TEST_CASE("kv: strings") {
    kv_desk d;
    CHECK(d.ask("SET a 1") == "+OK\r\n");
    CHECK(d.ask("get a") == bulk("1"));
    CHECK(d.ask("GET none") == null);
    CHECK(d.ask("SET a 2 NX") == null);
    CHECK(d.ask("SET b 2 XX") == null);
    CHECK(d.ask("SET a 2 XX GET") == bulk("1"));
    CHECK(d.ask("SET b 3 GET") == null);
    CHECK(d.ask("SET a 1 NX XX") == syntax);
    CHECK(d.ask("SET a 1 EX") == syntax);
    CHECK(d.ask("SET a 1 EX 0") == "-ERR invalid expire time in 'set' command\r\n");
    CHECK(d.ask("SET a 1 PX x") == no_number);
    CHECK(d.ask("SET a 1 EX 9223372036854775807") ==
          "-ERR invalid expire time in 'set' command\r\n");
    CHECK(d.ask("SET a 1 EX 5 KEEPTTL") == syntax);
    CHECK(d.ask("SET a") == "-ERR wrong number of arguments for 'set' command\r\n");
    CHECK(d.ask("MSET a 1 b 2") == "+OK\r\n");
    CHECK(d.ask("MSET a 1 b") == "-ERR wrong number of arguments for 'mset' command\r\n");
    CHECK(d.ask("MGET a none b") == "*3\r\n" + bulk("1") + null + bulk("2"));
    CHECK(d.ask("SETNX a 5") == ":0\r\n");
    CHECK(d.ask("SETNX c 5") == ":1\r\n");
    CHECK(d.ask("GETSET c 6") == bulk("5"));
    CHECK(d.ask("GETDEL c") == bulk("6"));
    CHECK(d.ask("GETDEL c") == null);
    CHECK(d.ask("APPEND s hello") == ":5\r\n");
    CHECK(d.ask("APPEND s !") == ":6\r\n");
    CHECK(d.ask("STRLEN s") == ":6\r\n");
    CHECK(d.ask("GETRANGE s 1 -2") == bulk("ello"));
    CHECK(d.ask("GETRANGE s 5 1") == bulk(""));
    CHECK(d.ask("GETRANGE s -100 -90") == bulk("h"));
    CHECK(d.ask("GETRANGE s -90 -100") == bulk(""));
    CHECK(d.ask("SETRANGE s 1 u") == ":6\r\n");
    CHECK(d.ask("GET s") == bulk("hullo!"));
    CHECK(d.ask("SETRANGE z 2 x") == ":3\r\n");
    CHECK(d.ask("GET z") == bulk(std::string("\0\0x", 3)));
    CHECK(d.ask("SETRANGE z -1 x") == "-ERR offset is out of range\r\n");
    CHECK(d.ask("SETRANGE z 536870912 x").starts_with("-ERR string exceeds maximum allowed size"));
}

TEST_CASE("kv: counters") {
    kv_desk d;
    CHECK(d.ask("INCR n") == ":1\r\n");
    CHECK(d.ask("INCRBY n 41") == ":42\r\n");
    CHECK(d.ask("DECR n") == ":41\r\n");
    CHECK(d.ask("DECRBY n 42") == ":-1\r\n");
    CHECK(d.ask("INCRBYFLOAT n 1.25") == bulk("0.25"));
    CHECK(d.ask("INCR n") == no_number);
    CHECK(d.ask("INCRBYFLOAT n x") == "-ERR value is not a valid float\r\n");
    CHECK(d.ask("INCRBYFLOAT n inf") == "-ERR increment would produce NaN or Infinity\r\n");
    d.ask("SET n 9223372036854775807");
    CHECK(d.ask("INCR n") == "-ERR increment or decrement would overflow\r\n");
    CHECK(d.ask("GET n") == bulk("9223372036854775807"));
    CHECK(d.ask("DECRBY n -9223372036854775808") == "-ERR decrement would overflow\r\n");
    d.ask("SETEX t 100 1");
    d.ask("INCR t");
    CHECK(d.ask("TTL t") == ":100\r\n");
}

TEST_CASE("kv: keys and their expiry") {
    kv_desk d;
    d.ask("MSET a 1 b 2 c 3");
    CHECK(d.ask("EXISTS a b a none") == ":3\r\n");
    CHECK(d.ask("DEL a none") == ":1\r\n");
    CHECK(d.ask("UNLINK b") == ":1\r\n");
    CHECK(d.ask("TTL none") == ":-2\r\n");
    CHECK(d.ask("TTL c") == ":-1\r\n");
    CHECK(d.ask("EXPIRE c 10") == ":1\r\n");
    CHECK(d.ask("EXPIRE none 10") == ":0\r\n");
    CHECK(d.ask("EXPIRE c 5 GT") == ":0\r\n");
    CHECK(d.ask("EXPIRE c 20 NX") == ":0\r\n");
    CHECK(d.ask("EXPIRE c 20 XX") == ":1\r\n");
    CHECK(d.ask("EXPIRE c x") == no_number);
    CHECK(d.ask("EXPIRE c 9223372036854775807") ==
          "-ERR invalid expire time in 'expire' command\r\n");
    CHECK(d.ask("PEXPIRE c 1500") == ":1\r\n");
    CHECK(d.ask("PTTL c") == ":1500\r\n");
    CHECK(d.ask("TTL c") == ":2\r\n");
    d.pass(1'499);
    CHECK(d.ask("GET c") == bulk("3"));
    d.pass(1);
    CHECK(d.ask("GET c") == null);
    d.ask("SET c 1 PX 100");
    CHECK(d.ask("PERSIST c") == ":1\r\n");
    CHECK(d.ask("PERSIST c") == ":0\r\n");
    d.pass(1'000);
    CHECK(d.ask("SET c 2 EX 10") == "+OK\r\n");
    d.ask("SET c 3 KEEPTTL");
    CHECK(d.ask("TTL c") == ":10\r\n");
    d.ask("SET c 3");
    CHECK(d.ask("TTL c") == ":-1\r\n");
    CHECK(d.ask("EXPIREAT c 1000000100") == ":1\r\n");
    CHECK(d.ask("EXPIRETIME c") == ":1000000100\r\n");
    CHECK(d.ask("RENAME c d") == "+OK\r\n");
    CHECK(d.ask("PEXPIRETIME d") == ":1000000100000\r\n");
    CHECK(d.ask("RENAME c d") == "-ERR no such key\r\n");
    CHECK(d.ask("EXPIRE d -1") == ":1\r\n");
    CHECK(d.ask("TYPE d") == "+none\r\n");
}

TEST_CASE("kv: the keys together") {
    kv_desk d;
    CHECK(d.ask("RANDOMKEY") == null);
    d.ask("MSET k:1 a k:2 b other c");
    d.ask("RPUSH k:3 x");
    CHECK(d.ask("DBSIZE") == ":4\r\n");
    CHECK(d.ask("KEYS o*") == array("other"));
    CHECK(d.ask("TYPE k:3") == "+list\r\n");
    const std::string all = d.ask("SCAN 0 MATCH k:* COUNT 100");
    CHECK(all.starts_with("*2\r\n$1\r\n0\r\n*3\r\n"));
    CHECK(d.ask("SCAN 0 COUNT 100 TYPE list") == "*2\r\n$1\r\n0\r\n" + array("k:3"));
    CHECK(d.ask("SCAN x") == "-ERR invalid cursor\r\n");
    CHECK(d.ask("SCAN 0 COUNT 0") == syntax);
    CHECK(d.ask("SCAN 0 MATCH") == syntax);
    CHECK(d.ask("SCAN 0 BOGUS 1") == syntax);
    CHECK(d.ask("KEYS " + std::string(1'025, '*')).starts_with("-ERR pattern is longer"));
    CHECK(d.ask("FLUSHALL ASYNC") == "+OK\r\n");
    CHECK(d.ask("DBSIZE") == ":0\r\n");
}

TEST_CASE("kv: hashes") {
    kv_desk d;
    CHECK(d.ask("HSET h a 1 b 2") == ":2\r\n");
    CHECK(d.ask("HSET h a 3") == ":0\r\n");
    CHECK(d.ask("HSET h a") == "-ERR wrong number of arguments for 'hset' command\r\n");
    CHECK(d.ask("HSET h a 1 b") == "-ERR wrong number of arguments for 'hset' command\r\n");
    CHECK(d.ask("HGET h a") == bulk("3"));
    CHECK(d.ask("HGET h none") == null);
    CHECK(d.ask("HGET none a") == null);
    CHECK(d.ask("HMGET h a none") == "*2\r\n" + bulk("3") + null);
    CHECK(d.ask("HLEN h") == ":2\r\n");
    CHECK(d.ask("HEXISTS h b") == ":1\r\n");
    CHECK(d.ask("HSETNX h b 9") == ":0\r\n");
    CHECK(d.ask("HSETNX h c 9") == ":1\r\n");
    CHECK(d.ask("HINCRBY h c -10") == ":-1\r\n");
    CHECK(d.ask("HSET h t x") == ":1\r\n");
    CHECK(d.ask("HINCRBY h t 1") == "-ERR hash value is not an integer\r\n");
    CHECK(d.ask("HDEL h c t none") == ":2\r\n");
    const std::string all = d.ask("HGETALL h");
    CHECK((all == array("a", "3", "b", "2") || all == array("b", "2", "a", "3")));
    CHECK(d.ask("HKEYS h").starts_with("*2\r\n"));
    CHECK(d.ask("HVALS none") == "*0\r\n");
    CHECK(d.ask("HDEL h a b") == ":2\r\n");
    CHECK(d.ask("EXISTS h") == ":0\r\n");
    CHECK(d.ask("GET h") == null);
    d.ask("HSET h a 1");
    CHECK(d.ask("GET h") == wrong);
    CHECK(d.ask("LPUSH h a") == wrong);
    CHECK(d.ask("SADD h a") == wrong);
    CHECK(d.ask("ZADD h 1 a") == wrong);
    CHECK(d.ask("INCR h") == wrong);
    CHECK(d.ask("APPEND h x") == wrong);
    d.ask("SET s 1");
    CHECK(d.ask("HSET s a 1") == wrong);
    CHECK(d.ask("HGETALL s") == wrong);
    CHECK(d.ask("HINCRBY s a 1") == wrong);
}

TEST_CASE("kv: lists") {
    kv_desk d;
    CHECK(d.ask("RPUSH l a b c") == ":3\r\n");
    CHECK(d.ask("LPUSH l z y") == ":5\r\n");
    CHECK(d.ask("LRANGE l 0 -1") == array("y", "z", "a", "b", "c"));
    CHECK(d.ask("LRANGE l -2 100") == array("b", "c"));
    CHECK(d.ask("LRANGE l 3 1") == "*0\r\n");
    CHECK(d.ask("LRANGE l -100 -100") == "*0\r\n");
    CHECK(d.ask("LRANGE l a b") == no_number);
    CHECK(d.ask("LINDEX l -1") == bulk("c"));
    CHECK(d.ask("LINDEX l 5") == null);
    CHECK(d.ask("LSET l 0 Y") == "+OK\r\n");
    CHECK(d.ask("LSET l 5 Y") == "-ERR index out of range\r\n");
    CHECK(d.ask("LSET none 0 Y") == "-ERR no such key\r\n");
    CHECK(d.ask("LPOP l") == bulk("Y"));
    CHECK(d.ask("RPOP l 2") == array("c", "b"));
    CHECK(d.ask("LPOP l 0") == "*0\r\n");
    CHECK(d.ask("LPOP l -1") == "-ERR value is out of range, must be positive\r\n");
    CHECK(d.ask("LLEN l") == ":2\r\n");
    CHECK(d.ask("LTRIM l 1 1") == "+OK\r\n");
    CHECK(d.ask("LRANGE l 0 -1") == array("a"));
    CHECK(d.ask("RPUSH l b a b") == ":4\r\n");
    CHECK(d.ask("LREM l 1 a") == ":1\r\n");
    CHECK(d.ask("LREM l -1 b") == ":1\r\n");
    CHECK(d.ask("LRANGE l 0 -1") == array("b", "a"));
    CHECK(d.ask("LPOP l 10") == array("b", "a"));
    CHECK(d.ask("LPOP l") == null);
    CHECK(d.ask("LPOP l 1") == "*-1\r\n");
    CHECK(d.ask("EXISTS l") == ":0\r\n");
}

TEST_CASE("kv: sets and sorted sets, as far as they go") {
    kv_desk d;
    CHECK(d.ask("SADD s a b a") == ":2\r\n");
    CHECK(d.ask("SCARD s") == ":2\r\n");
    CHECK(d.ask("SISMEMBER s a") == ":1\r\n");
    CHECK(d.ask("SREM s a") == ":1\r\n");
    CHECK(d.ask("SMEMBERS s") == array("b"));
    CHECK(d.ask("SPOP s") == bulk("b"));
    CHECK(d.ask("SPOP s") == null);
    CHECK(d.ask("ZADD z 2 b 1 a 3 c") == ":3\r\n");
    CHECK(d.ask("ZADD z 0.5 c") == ":0\r\n");
    CHECK(d.ask("ZRANGE z 0 -1") == array("c", "a", "b"));
    CHECK(d.ask("ZSCORE z c") == bulk("0.5"));
    CHECK(d.ask("ZPOPMIN z") == array("c", "0.5"));
    CHECK(d.ask("ZPOPMIN z 5") == array("a", "1", "b", "2"));
    CHECK(d.ask("ZPOPMIN z") == "*0\r\n");
    CHECK(d.ask("ZADD z x a") == "-ERR value is not a valid float\r\n");
    CHECK(d.ask("ZADD z nan a") == "-ERR value is not a valid float\r\n");
    CHECK(d.ask("ZCARD z") == ":0\r\n");
}

TEST_CASE("kv: the connection") {
    kv_desk d;
    CHECK(d.ask("PING") == "+PONG\r\n");
    CHECK(d.ask("PING hi") == bulk("hi"));
    CHECK(d.ask("SELECT 0") == "+OK\r\n");
    CHECK(d.ask("SELECT 1") == "-ERR DB index is out of range\r\n");
    CHECK(d.ask("CLIENT GETNAME") == null);
    CHECK(d.ask("CLIENT SETNAME me") == "+OK\r\n");
    CHECK(d.ask("CLIENT GETNAME") == bulk("me"));
    CHECK(d.ask("CLIENT SETNAME 'a b'").starts_with("-ERR Client names"));
    CHECK(d.ask("CLIENT BOGUS") == "-ERR unknown subcommand 'BOGUS'. Try CLIENT HELP.\r\n");
    CHECK(d.ask("AUTH x").starts_with("-ERR AUTH"));
    CHECK(d.ask("HELLO 4") == "-NOPROTO unsupported protocol version\r\n");
    CHECK(d.ask("HELLO 3 SETNAME you").starts_with("%7\r\n$6\r\nserver\r\n"));
    CHECK(d.ask("GET none") == "_\r\n");
    d.ask("HSET h a 1");
    CHECK(d.ask("HGETALL h") == "%1\r\n" + bulk("a") + bulk("1"));
    CHECK(d.ask("ZADD z 1 a") == ":1\r\n");
    CHECK(d.ask("ZPOPMIN z 1") == "*1\r\n*2\r\n" + bulk("a") + ",1\r\n");
    CHECK(d.ask("RESET") == "+RESET\r\n");
    CHECK(d.ask("GET none") == null);
    CHECK(d.ask("bogus a") == "-ERR unknown command 'bogus', with args beginning with: 'a' \r\n");
    CHECK(d.ask("CONFIG GET save") == array("save", ""));
    CHECK(d.ask("CONFIG GET maxmemory*").starts_with("*4\r\n"));
    CHECK(d.ask("COMMAND DOCS") == "*0\r\n");
    CHECK(d.ask("COMMAND").size() > 1'000);
    CHECK(d.ask("INFO").find("in memory only") != std::string::npos);
    CHECK(d.ask("INFO keyspace").find("db0:keys=1,expires=0") != std::string::npos);
    CHECK(d.ask("QUIT") == "+OK\r\n");
    CHECK(d.one.closed);
}

TEST_CASE("kv: requests of a pipeline are answered together, in whatever pieces they come") {
    const std::string pipeline =
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\nINCR a\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*x\r\n";
    const std::string expected =
        "+OK\r\n:2\r\n$1\r\n2\r\n-ERR Protocol error: invalid multibulk length\r\n";
    for (const std::size_t piece : {1U, 3U, 1'000U}) {
        kv_desk d;
        CHECK(d.one.send(pipeline, piece) == expected);
        CHECK(d.one.closed);
        CHECK(d.base->facts.protocol_errors == 1);
    }
}

TEST_CASE("kv: publish and subscribe") {
    kv_desk d;
    kv_client two(d.base);
    kv_client three(d.base);
    CHECK(d.ask("PUBLISH c hi") == ":0\r\n");
    CHECK(two.ask("SUBSCRIBE c d") ==
          "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
          "*3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n");
    three.ask("HELLO 3");
    CHECK(three.ask("PSUBSCRIBE c*") == ">3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:1\r\n");
    CHECK(d.ask("PUBLISH c hi") == ":2\r\n");
    CHECK(two.received() == array("message", "c", "hi"));
    CHECK(three.received() == ">4\r\n" + bulk("pmessage") + bulk("c*") + bulk("c") + bulk("hi"));
    CHECK(two.ask("GET a").starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
    CHECK(two.ask("PING") == array("pong", ""));
    // In RESP3 a subscriber may ask for anything, its own messages come between.
    CHECK(three.ask("PUBLISH cc x") ==
          ">4\r\n" + bulk("pmessage") + bulk("c*") + bulk("cc") + bulk("x") + ":1\r\n");
    CHECK(two.ask("UNSUBSCRIBE").ends_with(":0\r\n"));
    CHECK(two.ask("UNSUBSCRIBE") == "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
    CHECK(three.ask("PUNSUBSCRIBE c*").ends_with(":0\r\n"));
    CHECK(d.ask("PUBLISH c hi") == ":0\r\n");
    CHECK(d.base->channels.channels() + d.base->channels.patterns() == 0);
    {
        kv_client gone(d.base);
        gone.ask("SUBSCRIBE c");
        CHECK(d.base->facts.subscribed_clients == 1);
    }
    CHECK(d.ask("PUBLISH c hi") == ":0\r\n");
    CHECK(d.base->facts.subscribed_clients == 0);
}

TEST_CASE("kv: a subscriber that takes nothing is lost, the others get on") {
    kv_desk d;
    kv_client slow(d.base);
    kv_client quick(d.base);
    slow.ask("SUBSCRIBE c");
    quick.ask("SUBSCRIBE c");
    const std::string big(1'000'000, 'x');
    for (int i = 0; i < 20; ++i) {
        d.one.ask({"PUBLISH", "c", big});
        CHECK(quick.received().size() > big.size());
    }
    CHECK(slow.is_lost());
    CHECK_FALSE(quick.is_lost());
    CHECK(d.base->facts.slow_subscribers == 1);
    CHECK(d.base->buffers.used() < 10'000'000);
}

TEST_CASE("kv: buffers and answers are bounded by memory") {
    kv_desk d({100'000, eviction_policy::noeviction});
    CHECK(d.one.ask({"SET", "a", std::string(90'000, 'x')}) == "+OK\r\n");
    const std::string oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    CHECK(d.one.ask({"SET", "b", std::string(20'000, 'x')}) == oom);
    CHECK(d.ask("SETRANGE b 50000 x") == oom);
    CHECK(d.one.ask({"GET", "b"}) == null);
    CHECK(d.ask("DEL a") == ":1\r\n");
    CHECK(d.one.ask({"SET", "b", std::string(20'000, 'x')}) == "+OK\r\n");

    // One key many times makes a large answer of a small request.
    kv_client greedy(d.base);
    std::vector<std::string_view> words(5'000, "b");
    words.front() = "MGET";
    CHECK(greedy.send(kv_client::wire(words)) ==
          "-ERR the answer is larger than the memory for answers\r\n");
    CHECK(greedy.ask("PING") == "+PONG\r\n");

    kv_client large(d.base);
    CHECK(large.send("*2\r\n$4\r\nECHO\r\n$100001\r\n") ==
          "-ERR Protocol error: invalid bulk length\r\n");

    // Requests that are never finished, together.
    std::vector<std::unique_ptr<kv_client>> hoarders;
    bool refused = false;
    for (int i = 0; i < 1'000 && !refused; ++i) {
        hoarders.push_back(std::make_unique<kv_client>(d.base));
        refused = hoarders.back()
                      ->send("*2\r\n$4\r\nECHO\r\n$100000\r\n" + std::string(90'000, 'x'), 4'096)
                      .starts_with("-ERR the memory for requests and answers");
    }
    CHECK(refused);
    CHECK(d.base->buffers.used() < d.base->buffers.limit() + 300'000);
    hoarders.clear();
    CHECK(d.ask("PING") == "+PONG\r\n");
}

TEST_CASE("kv: an evicting store takes everything, and stays within its memory") {
    kv_desk d({1'000'000, eviction_policy::allkeys_lru});
    for (int i = 0; i < 5'000; ++i) {
        const std::string name = "k" + std::to_string(i);
        REQUIRE(d.one.ask({"SET", name, std::string(1'000, 'x')}) == "+OK\r\n");
        REQUIRE(d.base->data.memory() <= 1'000'000);
    }
    CHECK(d.base->data.counts().evicted > 3'000);
    CHECK(d.one.ask({"GET", "k4999"}).size() > 1'000);
    CHECK(d.one.ask({"GET", "k0"}) == null);
}
