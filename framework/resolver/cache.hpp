// Answers of DNS for as long as they may be kept: yes and no (RFC 2308). Bounded: the least
// recently used makes room. Time is an argument.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>

#include <coax/clock.hpp>

#include "framework/resolver/question.hpp"

namespace coax::detail::dns {

class cache {
  public:
    explicit cache(std::size_t most_entries) : most_entries_(most_entries) {}

    // Null if it is not known, or not any more. Valid until the next call.
    const answer* find(const question& q, clock::time_point now);
    // A name that does not exist has nothing of any type.
    void store(const question& q, const answer& a, clock::time_point now);
    std::size_t size() const noexcept { return entries_.size(); }

  private:
    struct entry {
        question asked;
        answer said;
        clock::time_point until;
    };
    using place = std::list<entry>::iterator;

    void store_one(const question& q, const answer& a, clock::time_point until);

    std::size_t most_entries_;
    std::list<entry> entries_;  // the most recently used first
    std::unordered_map<question, place, question_hash> index_;
};

}  // namespace coax::detail::dns
