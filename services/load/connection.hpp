// One connection of a load of requests and replies: sends what the gate lets through, takes the
// replies, measures. Knows nothing of what is said on it, and of other connections.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/asio.hpp"
#include "services/load/dialogue.hpp"
#include "services/load/send_gate.hpp"

namespace coax::services {

class connection {
  public:
    using time_point = send_gate::time_point;

    // What happens on it, for those who count.
    class listener {
      public:
        virtual void on_sent(time_point now, std::size_t bytes) = 0;
        virtual void on_received(time_point now, std::size_t bytes) = 0;
        virtual void on_reply(time_point now, std::chrono::nanoseconds latency, const reply& r) = 0;
        // The server has ended the connection in order, and a new one takes its place.
        virtual void on_reconnect() = 0;
        virtual void on_lost(const error_code& error) = 0;
        virtual void on_lost(const std::string& problem) = 0;
        // No message becomes due any more from then on.
        virtual time_point stop() const = 0;

      protected:
        ~listener() = default;
    };

    // `most` messages under way at once.
    connection(coax::io_context& io, listener& of, std::unique_ptr<dialogue> what, std::size_t most,
               const send_pace& pace);

    coax::task<error_code> connect(const coax::tcp::endpoint& to);
    // After connect(): until nothing is to be sent and no reply to be had any more. The moment
    // from which the pace counts is `begin`. When it has ended, nothing is under way.
    coax::task<void> exchange(time_point begin);
    // From time to time: ends it if it has nothing more to do, or if a reply is owed and none came
    // for `limit`.
    void look_after(time_point now, std::chrono::nanoseconds limit);
    // Ends it now: what is still owed does not come in time.
    void give_up();
    // Messages that were due and did not go.
    std::uint64_t unsent() const noexcept { return started_ ? gate_.unsent(listener_.stop()) : 0; }

  private:
    enum class outcome : std::uint8_t { go_on, start_anew, over };

    void pump(time_point now);
    void set_alarm(time_point now);
    void write(dialogue::pieces what);
    void write_rest();
    outcome take_replies(time_point now, std::size_t count);
    outcome take_end(time_point now, const error_code& error);
    void take_reply(time_point now, const reply& r);
    coax::task<bool> reconnect();
    coax::task<void> settle();
    bool is_finished(time_point now) const noexcept {
        return gate_.outstanding() == 0 && gate_.is_finished(now, listener_.stop());
    }

    coax::io_context& io_;
    listener& listener_;
    std::unique_ptr<dialogue> dialogue_;
    coax::fast_socket socket_;
    coax::fast_timer alarm_;
    coax::tcp::endpoint peer_;
    send_gate gate_;
    std::size_t most_;
    std::vector<time_point> from_;  // latency of message n counts from [n % most]
    std::size_t next_from_ = 0;
    std::size_t oldest_from_ = 0;
    std::vector<char> incoming_;
    std::size_t kept_ = 0;  // bytes at its front, of a reply that is not whole
    dialogue::pieces outgoing_{};
    time_point heard_{};  // the last reply, or the first message that waits for one
    bool writing_ = false;
    bool alarmed_ = false;
    bool started_ = false;
    bool silent_ = false;  // ended because no reply came
    bool reconnecting_ = false;
    bool got_reply_ = false;  // on this connection, since it was made
    bool closing_ = false;    // nothing is sent any more
};

}  // namespace coax::services
