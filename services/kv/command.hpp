// A command: its name, what it needs, and the function that answers it. Knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "services/kv/broker.hpp"
#include "services/kv/reply_writer.hpp"
#include "services/kv/store.hpp"

namespace coax::services::kv {

// Who asks. What it does with messages is the server's.
class client : public subscriber {
  public:
    int protocol() const noexcept final { return version; }

    std::uint64_t id = 0;
    int version = 2;
    std::string name;
    std::string address;
    std::int64_t connected = 0;  // Unix time in milliseconds
    bool quit = false;           // to be closed behind the answer
};

// What INFO and CONFIG tell of the server beyond its keys.
struct server_facts {
    std::string backend;
    std::uint16_t port = 0;
    std::int64_t started = 0;     // Unix time in milliseconds
    std::size_t connections = 0;  // allowed at once
    std::uint64_t accepted = 0;
    std::uint64_t clients = 0;
    std::uint64_t subscribed_clients = 0;
    std::uint64_t commands = 0;
    std::uint64_t refused = 0;  // commands answered with an error
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t protocol_errors = 0;   // connections closed for what they sent
    std::uint64_t slow_subscribers = 0;  // connections closed as their messages piled up
    std::uint64_t stalled_clients = 0;   // connections closed as they took no answer
    std::uint64_t buffer_refusals = 0;   // connections closed as buffers were too large
};

using arguments = std::span<const std::string_view>;

struct call {
    store& data;
    broker& channels;
    client& who;
    server_facts& facts;
    const budget& buffers;
    arguments args;  // the command's name first
    reply_writer& reply;
};

enum command_flags : unsigned {
    writes = 1,           // changes keys
    grows = 2,            // may need memory
    while_listening = 4,  // also for a RESP2 client that has subscriptions
};

struct command {
    std::string_view name;  // in capitals
    int arity;              // arguments with the name; negative: at least so many
    unsigned flags;
    int first_key;  // 0: none
    int last_key;   // from the end if negative
    int key_step;
    void (*run)(call& c);
};

std::span<const command> connection_commands();
std::span<const command> string_commands();
std::span<const command> counter_commands();
std::span<const command> key_commands();
std::span<const command> keyspace_commands();
std::span<const command> hash_commands();
std::span<const command> list_commands();
std::span<const command> set_commands();
std::span<const command> pubsub_commands();
std::span<const command> server_commands();

// All of them; null if there is none of this name, in whatever case.
const command* find_command(std::string_view name);
std::span<const command* const> all_commands();
// Answers a request; c.args is not empty.
void execute(call& c);

// --- for those who answer

// Whose behaviour clients may expect.
inline constexpr std::string_view redis_version = "7.0.0";

inline constexpr std::string_view syntax_error = "ERR syntax error";
inline constexpr std::string_view no_integer = "ERR value is not an integer or out of range";
inline constexpr std::string_view no_real = "ERR value is not a valid float";
inline constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view string_too_long =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view pattern_too_long = "ERR pattern is longer than 1024 bytes";
inline constexpr std::string_view out_of_memory =
    "OOM command not allowed when used memory > 'maxmemory'.";
inline constexpr std::size_t string_limit = std::size_t{512} << 20;

void wrong_arity(call& c);
// "ERR unknown subcommand 'X'. Try Y HELP."
void unknown_subcommand(call& c);
// An argument as a number; nothing: the error has been answered.
std::optional<std::int64_t> integer_argument(call& c, std::size_t at);
// Of how many: zero or more; nothing: it is none, and that has been answered.
std::optional<std::size_t> count_argument(call& c, std::size_t at);

// What a place holds as a T: null if there is no place; nothing: another type, answered so.
template <class T>
std::optional<T*> holding(call& c, store::place* p) {
    if (p == nullptr) return nullptr;
    if (T* const held = std::get_if<T>(&p->value.held)) return held;
    c.reply.error(wrong_type);
    return std::nullopt;
}

template <class T>
struct located {
    store::place* place;
    T* held;
};

// The key's T, made if there is no such key; nothing: another type, answered so. The caller puts
// something into it and says store::changed().
template <class T>
std::optional<located<T>> holding_or_new(call& c, std::string_view key) {
    const auto [p, is_new] = c.data.find_or_make(key);
    if (is_new) {
        if constexpr (std::is_constructible_v<T, const hash_key&>) {
            p->value.held = T(c.data.key());
        } else {
            p->value.held = T();
        }
    }
    const auto held = holding<T>(c, p);
    if (!held) return std::nullopt;
    return located<T>{p, *held};
}

}  // namespace coax::services::kv
