// Keys whatever they hold: existence, expiry, names.
#include <array>

#include "services/kv/command.hpp"
#include "services/kv/number_text.hpp"
#include "services/kv/shared_arguments.hpp"

namespace coax::services::kv {
namespace {

template <class F>
void count_keys(call& c, F f) {
    std::int64_t count = 0;
    for (const std::string_view key : c.args.subspan(1)) count += f(key) ? 1 : 0;
    c.reply.integer(count);
}

void del(call& c) {
    count_keys(c, [&](std::string_view key) { return c.data.erase(key); });
}
void exists(call& c) {
    count_keys(c, [&](std::string_view key) { return c.data.read(key) != nullptr; });
}

struct expiry_condition {
    bool only_new = false;
    bool only_known = false;
    bool only_later = false;
    bool only_earlier = false;

    bool allows(std::int64_t now, std::int64_t wanted) const {
        if (only_new && now != no_expiry) return false;
        if (only_known && now == no_expiry) return false;
        if (only_later && wanted <= now) return false;
        return !only_earlier || wanted < now;
    }
};

std::optional<expiry_condition> read_condition(call& c) {
    expiry_condition wanted;
    for (const std::string_view word : c.args.subspan(3)) {
        if (is_word(word, "NX")) {
            wanted.only_new = true;
        } else if (is_word(word, "XX")) {
            wanted.only_known = true;
        } else if (is_word(word, "GT")) {
            wanted.only_later = true;
        } else if (is_word(word, "LT")) {
            wanted.only_earlier = true;
        } else {
            c.reply.error("ERR Unsupported option " + std::string(word.substr(0, 128)));
            return std::nullopt;
        }
    }
    if (wanted.only_new && (wanted.only_known || wanted.only_later || wanted.only_earlier)) {
        c.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
        return std::nullopt;
    }
    if (wanted.only_later && wanted.only_earlier) {
        c.reply.error("ERR GT and LT options at the same time are not compatible");
        return std::nullopt;
    }
    return wanted;
}

void expire_with(call& c, expiry_form form) {
    const auto condition = read_condition(c);
    if (!condition) return;
    const auto when = expiry_argument(c, 2, form);
    if (!when) return;
    store::place* const p = c.data.find(c.args[1]);
    if (p == nullptr || !condition->allows(p->value.expires, *when)) return c.reply.integer(0);
    c.data.set_expiry(p, *when);
    c.reply.integer(1);
}
void expire(call& c) { expire_with(c, {1000, false, false}); }
void pexpire(call& c) { expire_with(c, {1, false, false}); }
void expireat(call& c) { expire_with(c, {1000, true, false}); }
void pexpireat(call& c) { expire_with(c, {1, true, false}); }

// -2: no such key; -1: it has no expiry.
template <class F>
void tell_expiry(call& c, F f) {
    const store::place* const p = c.data.find(c.args[1]);
    if (p == nullptr) return c.reply.integer(-2);
    if (p->value.expires == no_expiry) return c.reply.integer(-1);
    c.reply.integer(f(p->value.expires));
}
void ttl(call& c) {
    tell_expiry(c, [&](std::int64_t when) {
        const std::int64_t left = when - c.data.now();
        return left / 1000 + (left % 1000 >= 500 ? 1 : 0);
    });
}
void pttl(call& c) {
    tell_expiry(c, [&](std::int64_t when) { return when - c.data.now(); });
}
void expiretime(call& c) {
    tell_expiry(c, [](std::int64_t when) { return when / 1000 + (when % 1000 >= 500 ? 1 : 0); });
}
void pexpiretime(call& c) {
    tell_expiry(c, [](std::int64_t when) { return when; });
}

void persist(call& c) {
    store::place* const p = c.data.find(c.args[1]);
    const bool had = p != nullptr && p->value.expires != no_expiry;
    if (had) c.data.set_expiry(p, no_expiry);
    c.reply.integer(had ? 1 : 0);
}

void type(call& c) {
    const store::place* const p = c.data.find(c.args[1]);
    c.reply.simple(p == nullptr ? "none" : type_name(p->value.held));
}

void rename(call& c) {
    if (c.data.find(c.args[1]) == nullptr) return c.reply.error("ERR no such key");
    if (c.args[1] != c.args[2]) c.data.rename(c.args[1], c.args[2]);
    c.reply.ok();
}
void renamenx(call& c) {
    if (c.data.find(c.args[1]) == nullptr) return c.reply.error("ERR no such key");
    const bool is_free = c.data.find(c.args[2]) == nullptr;
    if (is_free) c.data.rename(c.args[1], c.args[2]);
    c.reply.integer(is_free ? 1 : 0);
}

constexpr std::array commands{
    command{"DEL", -2, writes, 1, -1, 1, del},
    command{"UNLINK", -2, writes, 1, -1, 1, del},
    command{"EXISTS", -2, 0, 1, -1, 1, exists},
    command{"EXPIRE", -3, writes, 1, 1, 1, expire},
    command{"PEXPIRE", -3, writes, 1, 1, 1, pexpire},
    command{"EXPIREAT", -3, writes, 1, 1, 1, expireat},
    command{"PEXPIREAT", -3, writes, 1, 1, 1, pexpireat},
    command{"TTL", 2, 0, 1, 1, 1, ttl},
    command{"PTTL", 2, 0, 1, 1, 1, pttl},
    command{"EXPIRETIME", 2, 0, 1, 1, 1, expiretime},
    command{"PEXPIRETIME", 2, 0, 1, 1, 1, pexpiretime},
    command{"PERSIST", 2, writes, 1, 1, 1, persist},
    command{"TYPE", 2, 0, 1, 1, 1, type},
    command{"RENAME", 3, writes, 1, 2, 1, rename},
    command{"RENAMENX", 3, writes, 1, 2, 1, renamenx},
};

}  // namespace

std::span<const command> key_commands() { return commands; }

}  // namespace coax::services::kv
