// One client's requests and answers, without a socket: bytes go in, bytes come out. What all
// clients share is the database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "services/kv/command.hpp"
#include "services/kv/request_parser.hpp"

namespace coax::services::kv {

struct database {
    database(store_limits limits, const hash_key& key, std::uint64_t seed);

    budget buffers;  // what connections hold: requests that are coming, answers, subscriptions
    store data;
    broker channels;
    server_facts facts;
    request_limits requests;
};

class conversation : public client {
  public:
    enum class state {
        reading,  // all that came is answered: more is needed
        full,     // take_output() first, then answer() again
        closing,  // take_output(), and nothing after it
    };

    explicit conversation(std::shared_ptr<database> shared);
    ~conversation() override;

    // Where bytes of the client go, and how many were put there.
    std::span<char> room();
    void commit(std::size_t n);
    // Answers the whole requests that have come. The time is the store's.
    state answer();

    bool has_output() const noexcept { return !output_.empty(); }
    // What is to be sent, in exchange for an emptied string.
    void take_output(std::string& sent);
    // Holds more than a connection needs that has nothing under way.
    bool is_heavy() const noexcept { return held_ > heavy; }
    // Nothing is delivered to it any more, as it takes too little of it.
    bool is_lost() const noexcept { return is_lost_; }

    // A message of another client; while answer() runs, also one of its own.
    void deliver(std::string_view message) final;

  protected:
    database& shared() noexcept { return *shared_; }
    // There is output, not of answer().
    virtual void output_came() {}
    virtual void was_lost() {}

  private:
    static constexpr std::size_t heavy = 196'608;

    void answer_one();
    // Tells the budget what is held; false: it is too much.
    bool account();

    std::shared_ptr<database> shared_;
    request_parser parser_;
    std::string output_;
    std::size_t in_flight_ = 0;  // bytes of what take_output() gave last
    std::size_t held_ = 0;       // in the budget
    bool is_too_much_ = false;   // room() took more than there is
    bool answering_ = false;
    bool is_lost_ = false;
};

}  // namespace coax::services::kv
