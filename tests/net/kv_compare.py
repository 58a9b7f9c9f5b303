"""Says the same commands to two servers, a real Redis and ours, and compares every answer, errors
included: first a list, then random commands over few keys, so that all types meet one another.

    kv_compare.py REDIS-ADDRESS REDIS-PORT OUR-ADDRESS OUR-PORT [COMMANDS-OF-EACH-SEED]

Expiry is by absolute times alone, so that clocks don't matter. Exit status 0: no difference."""
import random
import socket
import sys

# Answers whose order is nobody's promise: sorted before they are compared; pairs stay pairs.
UNORDERED = {"KEYS": 1, "HKEYS": 1, "HVALS": 1, "SMEMBERS": 1, "HGETALL": 2}

FAR = "4102444800"  # 2100-01-01, seconds

# What has gone wrong once, or is easily got wrong.
LISTED = r"""
set s hello | getrange s -100 -90 | getrange s 0 -100 | getrange s -1 -100 | getrange s -100 0
getrange s 5 10 | getrange s 4 4 | getrange s -5 -5 | getrange s -6 -6 | getrange s 1 0
set e "" | getrange e 0 0 | getrange e -1 -1 | getrange e -2 -1 | getrange none -5 -4
setrange s 10 x | get s | setrange none 0 "" | exists none | setrange s -1 x | strlen s
append none2 "" | exists none2 | append none2 a | incr none2 | set n 9223372036854775807
incr n | decrby n -1 | incrby n 1 | set n -9223372036854775808 | decr n | decrby n 9223372036854775808
set n " 1" | incr n | set n 01 | incr n | set n 1.0 | incr n | set n "" | incr n
set f 3.0 | incrbyfloat f 0.5 | incrbyfloat f 1e2 | incrbyfloat f nan | incrbyfloat f inf
set f 0.1 | incrbyfloat f 0.2 | set f 10 | incrbyfloat f -10 | incrbyfloat f 1e300 | incrbyfloat f x
set a 1 nx | set a 2 nx | set a 3 xx get | set b 1 xx | set a 4 nx xx | set a 1 ex 0 | set a 1 px -1
set a 1 ex x | set a 1 exat 4102444800 | expiretime a | set a 2 keepttl | expiretime a | set a 3
expiretime a | ttl a | pttl none | ttl none | expiretime none | set a 1 ex 1 px 1 | set a 1 foo
set a 1 get | lpush l x | set l 1 get | get l | set l 2 | get l | getdel l | getdel l | getset g 1
expireat s 4102444800 nx | expireat s 4102444801 nx | expireat s 4102444801 gt | expireat s 1 gt
expireat s 4102444900 lt | expiretime s | expireat s 5 lt | exists s | expireat none 5 | expire a x
expireat a 4102444800 nx xx | expireat a 4102444800 gt lt | expireat a 99999999999999999 | persist a
persist a | mset x 1 y 2 | mset x | mget x y none l | type x | type none | rename none z
rename x x | rename x z | renamenx z y | renamenx z w | exists w w none | del w w none | unlink y
hset h f 1 g 2 | hset h f 3 h | hget h f | hget h none | hget none f | hmget h f none g | hlen h
hincrby h f 5 | hincrby h f x | hset h t abc | hincrby h t 1 | hdel h f f none | hdel h g t | exists h
hsetnx h a 1 | hsetnx h a 2 | hexists h a | hexists h b | hvals h | hgetall none | hkeys none
rpush r a b c d | lrange r -100 100 | lrange r 2 1 | lrange r -2 -1 | lindex r -1 | lindex r 9 | llen r
lset r -1 z | lset r 9 z | lset none 0 z | ltrim r 1 -2 | lrange r 0 -1 | lrem r 0 b | ltrim r 5 9
exists r | lpop r | rpush r a | lpop r 0 | lpop r 5 | lpop r -1 | rpop none 1 | rpop none 0 | lpop none
rpush r a b a c a | lrem r 2 a | lrange r 0 -1 | lrem r -1 a | lrange r 0 -1 | lrem r x a
sadd t a | sadd t a b | srem t a c | smembers t | scard t | sismember t b | sismember none b | spop none
zadd z1 1 a 2 b | zadd z1 x c | zadd z1 1 | zrange z1 0 -1 | zrange z1 -1 5 withscores | zscore z1 a
zscore z1 none | zrem z1 a none | zcard z1 | zpopmin z1 | zpopmin z1 | zadd z1 1e3 a -inf b inf c 0.5 d
zrange z1 0 -1 withscores | zpopmin z1 2 | zpopmin z1 0 | zpopmin z1 -1 | zadd z1 nan e | zcard t
ping | ping hi | ping a b | echo | echo hi | select 0 | select 99 | select x | get | set a | dbsize x
exists | del | nonsense a b | flushdb | dbsize
"""

KEYS = ["k0", "k1", "k2", "k3", "k4", ""]
VALUES = ["", "a", "b", "hello world", "10", "-5", "0", "9223372036854775807", "1.5", " 1", "1e3",
          "x" * 100, b"\x00\xff\r\n"]
NUMBERS = ["0", "1", "2", "3", "-1", "-2", "-3", "5", "-7", "100", "-100", "9223372036854775807",
           "-9223372036854775808", "9223372036854775808", "x", "", "1.0", "+1", "01"]
# Such that Redis 7.0 prints them in the shortest form, as 7.2 and we do with all.
FLOATS = ["0", "1", "-1", "0.5", "-2.25", "1e3", "inf", "-inf", "nan", "x", "", "3"]
TIMES = [FAR, "4102444801", "4102444700", "1", "0", "-1", "x", "99999999999999999"]
TIMES_MS = [t + "000" if t.startswith("41") else t for t in TIMES]
FIELDS = ["f", "g", "h", "", "field 4"]

# k key, v value, i number, f float, t and m times, h field; + : once or more; others as they are
COMMANDS = """
GET k | SET k v | SET k v NX | SET k v XX | SET k v GET | SET k v XX GET | SET k v KEEPTTL
SET k v EXAT t | SET k v PXAT m | SET k v EXAT t NX | SET k v NX GET | MGET k+ | MSET k v k v
SETNX k v | APPEND k v | STRLEN k | GETDEL k | GETSET k v | GETRANGE k i i | GETRANGE k i i
SETRANGE k s v | INCR k | DECR k | INCRBY k i | DECRBY k i | INCRBYFLOAT k f | DEL k+ | UNLINK k
EXISTS k+ | EXPIREAT k t | PEXPIREAT k m | EXPIREAT k t NX | EXPIREAT k t XX | EXPIREAT k t GT
PEXPIREAT k m LT | EXPIRETIME k | PEXPIRETIME k | PERSIST k | TYPE k | RENAME k k | RENAMENX k k
KEYS * | KEYS k[1-3] | KEYS ?0 | DBSIZE | HSET k h v | HSET k h v h v | HMSET k h v | HSETNX k h v
HGET k h | HMGET k h+ | HGETALL k | HKEYS k | HVALS k | HDEL k h+ | HEXISTS k h | HLEN k
HINCRBY k h i | LPUSH k v+ | RPUSH k v+ | LPOP k | RPOP k | LPOP k i | RPOP k i | LRANGE k i i
LLEN k | LINDEX k i | LSET k i v | LTRIM k i i | LREM k i v | SADD k v+ | SREM k v+ | SCARD k
SISMEMBER k v | SMEMBERS k | ZADD k f v | ZADD k f v f v | ZREM k v+ | ZCARD k | ZSCORE k v
ZRANGE k i i | ZRANGE k i i WITHSCORES | ZPOPMIN k | ZPOPMIN k i | SPOP k 0 | ECHO v | PING v
"""


class Server:
    def __init__(self, address, port):
        self.socket = socket.create_connection((address, int(port)), timeout=30)
        self.file = self.socket.makefile("rb")

    def ask(self, command):
        words = [w if isinstance(w, bytes) else w.encode() for w in command]
        text = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        self.socket.sendall(text)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), f"the connection ends: {line}"
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=":
            return None if rest == b"-1" else (kind, self.file.read(int(rest) + 2)[:-2])
        if kind in b"*~>":
            return None if rest == b"-1" else (kind, [self.reply() for _ in range(int(rest))])
        if kind == b"%":
            return (kind, [self.reply() for _ in range(2 * int(rest))])
        return (kind, rest)


def sorted_answer(command, answer):
    step = UNORDERED.get(command[0].upper())
    if step is None or answer is None or not isinstance(answer[1], list):
        return answer
    items = answer[1]
    groups = sorted(tuple(items[i:i + step]) for i in range(0, len(items), step))
    return (answer[0], groups)


def word(random_, letter):
    pool = {"k": KEYS, "v": VALUES, "i": NUMBERS, "f": FLOATS, "t": TIMES, "m": TIMES_MS,
            "h": FIELDS, "s": ["0", "1", "5", "-1", "20", "x"]}.get(letter)
    return letter if pool is None else random_.choice(pool)


def random_command(random_):
    template = random_.choice(TEMPLATES)
    command = [template[0]]
    for part in template[1:]:
        for _ in range(random_.randint(1, 3) if part.endswith("+") else 1):
            command.append(word(random_, part.rstrip("+")))
    # Now and then one argument too many or too few. (Of several mistakes in one SET, another one
    # may be told.)
    if random_.random() < 0.02 and template[0] != "SET":
        command = command[:-1] if random_.random() < 0.5 and len(command) > 1 else command + ["x"]
    return command


def listed_command(text):
    words = []
    for part in text.split():
        words.append("" if part == '""' else part.strip('"'))
    return words if '" ' not in text else text.split('"')[0].split() + [text.split('"')[1]]


TEMPLATES = [t.split() for t in COMMANDS.replace("\n", "|").split("|") if t.strip()]
redis, ours = Server(*sys.argv[1:3]), Server(*sys.argv[3:5])
count = int(sys.argv[5]) if len(sys.argv) > 5 else 4000
asked = different = 0


def compare(command, context):
    global asked, different
    asked += 1
    wanted, got = (sorted_answer(command, s.ask(command)) for s in (redis, ours))
    if wanted == got:
        return
    different += 1
    if different <= 20:
        print(f"{context}: {command}: Redis {wanted}, ours {got}")


for protocol in ("2", "3"):
    for server in (redis, ours):
        server.ask(["HELLO", protocol])
    for server in (redis, ours):
        server.ask(["FLUSHALL"])
    for text in LISTED.replace("\n", "|").split("|"):
        if text.strip():
            compare(listed_command(text.strip()), f"list, RESP{protocol}")
    for seed in range(3):
        random_ = random.Random(seed)
        for server in (redis, ours):
            server.ask(["FLUSHALL"])
        for number in range(count):
            compare(random_command(random_), f"seed {seed}, command {number}, RESP{protocol}")
print(f"{asked} commands, {different} different answers")
sys.exit(different != 0)
