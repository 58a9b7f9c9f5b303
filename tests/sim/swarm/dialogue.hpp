// One connection of a simulation as its two users see it: what each end is to do, and what became
// of it. Data, and the balance that must hold when both have ended. Knows no socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stack/base/address.hpp"
#include "stack/base/result.hpp"
#include "stack/base/time.hpp"
#include "stack/tcp/layer.hpp"
#include "tests/sim/swarm/pattern.hpp"

namespace coax::sim {

// How an end leaves.
enum class ending : std::uint8_t {
    graceful,      // sends all, ends its side, reads to the end, closes
    answer_last,   // reads to the end before it sends anything (half-close of the peer)
    leave_early,   // sends all and closes without reading the rest
    abort_midway,  // resets the connection after abort_after bytes, both ways together
};

// What one end of a dialogue does. Bytes and durations; zero pauses mean "at once".
struct script {
    std::uint64_t send_bytes = 0;
    std::uint64_t round_bytes = 0;    // sends the next so many only after as many came back. 0: no
    std::size_t write_piece = 65536;  // bytes per call
    stack::duration write_pause{0};   // between calls
    std::size_t read_piece = 65536;   // bytes per call
    stack::duration read_pause{0};    // between calls
    stack::duration read_after{0};    // reads nothing for so long: the window closes
    bool echo = false;                // sends back what comes; send_bytes does not count
    ending how = ending::graceful;
    std::uint64_t abort_after = 0;
    bool lingers = false;  // closes when all is acknowledged, not before
    bool no_delay = false;
    bool cork = false;  // from the beginning to the end of its stream
    bool more = false;  // every write says that more follows
    bool keep_alive = false;
    std::uint32_t send_buffer = 0;  // bytes; 0: as configured
    std::uint32_t receive_buffer = 0;
    bool cork_each = false;             // each write is corked, and let go at its end
    std::uint16_t maximum_segment = 0;  // bytes; 0: as the path permits
    stack::duration user_timeout{0};    // 0: as configured
    stack::duration linger{0};          // after close, to be acknowledged; 0: as long as it takes
    stack::tcp::keep_alive_times keep_alive_times;  // zeros: as configured
    // Changes its congestion control when so many bytes were taken to send. Empty: never.
    std::string_view other_congestion;
    std::uint64_t other_congestion_after = 0;
};

// What became of an end.
struct end_state {
    std::uint64_t accepted = 0;                 // bytes its stack took to send
    std::uint64_t received = 0;                 // bytes it read
    bool began = false;                         // has, or had, a socket
    bool ended_sending = false;                 // shutdown or close: the stack owes a FIN
    bool saw_end = false;                       // end of the peer's stream
    bool left = false;                          // reset, or closed with the peer's stream unread
    bool over = false;                          // has no socket any more
    stack::error failure = stack::error::none;  // what the stack told
    stack::duration patience{0};                // its stack goes on for so long without progress
    stack::duration remembers{0};               // TIME-WAIT at most; 0: its place may be taken
    stack::instant ended_sending_at{};
    stack::instant failed_at{};
};

struct dialogue {
    stack::endpoint client;
    stack::endpoint server;
    script client_script;
    script server_script;
    end_state client_end;
    end_state server_end;
    stream_pattern up;    // client to server
    stream_pattern down;  // server to client

    // The client's address is known: what both streams carry is settled.
    void set_client(const stack::endpoint& its) noexcept {
        client = its;
        up = stream_pattern(client, server, false);
        down = stream_pattern(client, server, true);
    }
    bool over() const noexcept { return client_end.over && (!server_end.began || server_end.over); }
    std::string name() const { return client.to_string() + " > " + server.to_string(); }
};

// What is wrong between the two ends, both over: every byte accepted was delivered, or somebody
// heard an error or left. Empty: nothing.
std::string imbalance(const dialogue& d);

// An end whose peer took all, said all and left in order, and whose stack has forgotten that since:
// the acknowledgments were lost, and what is sent again is reset. The user must hear that nobody
// told what became of the data (RFC 9293 MUST-12).
bool was_forgotten(const end_state& mine, const end_state& peer);

}  // namespace coax::sim
