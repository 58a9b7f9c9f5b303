// From a flow to whoever has it: an open-addressing table of (hash, reference), eight bytes each,
// with a keyed hash (secrets.hpp). Knows neither keys nor owners; the caller compares the key.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace coax::stack::tcp {

// What an entry refers to: a pool and the index in it.
struct reference {
    enum class kind : std::uint32_t { connection, half_open, time_wait, none };
    static constexpr std::uint32_t index_bits = 30;

    std::uint32_t packed = 0xffffffffU;  // none
    reference() = default;
    reference(kind k, std::uint32_t index) noexcept
        : packed((static_cast<std::uint32_t>(k) << index_bits) | index) {}
    kind which() const noexcept { return static_cast<kind>(packed >> index_bits); }
    std::uint32_t index() const noexcept { return packed & ((1U << index_bits) - 1); }
    bool is_none() const noexcept { return packed == 0xffffffffU; }
    friend bool operator==(reference, reference) noexcept = default;
};

// Linear probing, at most half full, deletion by shifting back: no tombstones, so look-ups stay
// short for ever. Grows by doubling.
class demux_table {
  public:
    demux_table() noexcept { resize(64); }

    // First entry with this hash for which equal(reference) is true.
    template <class Equal>
    reference find(std::uint32_t hash, Equal&& equal) const noexcept {
        if (entries_ == nullptr) return {};
        for (std::uint32_t i = hash & mask_;; i = (i + 1) & mask_) {
            const entry& e = entries_[i];
            if (e.to.is_none()) return {};
            if (e.hash == hash && equal(e.to)) return e.to;
        }
    }
    // False: no memory. The key must not be in the table.
    bool insert(std::uint32_t hash, reference to) noexcept {
        if (entries_ == nullptr || (size_ + 1) * 2 > mask_ + 1) {
            if (!resize(entries_ == nullptr ? 64 : (mask_ + 1) * 2)) return false;
        }
        put(hash, to);
        ++size_;
        return true;
    }
    void replace(std::uint32_t hash, reference from, reference to) noexcept {
        entries_[position_of(hash, from)].to = to;
    }
    void erase(std::uint32_t hash, reference to) noexcept {
        std::uint32_t hole = position_of(hash, to);
        for (std::uint32_t i = (hole + 1) & mask_; !entries_[i].to.is_none(); i = (i + 1) & mask_) {
            const std::uint32_t home = entries_[i].hash & mask_;
            if (((i - home) & mask_) < ((i - hole) & mask_)) continue;  // already at its best
            entries_[hole] = entries_[i];
            hole = i;
        }
        entries_[hole] = entry();
        --size_;
    }
    std::uint32_t size() const noexcept { return size_; }

  private:
    struct entry {
        std::uint32_t hash = 0;
        reference to;
    };

    std::uint32_t position_of(std::uint32_t hash, reference to) const noexcept {
        std::uint32_t i = hash & mask_;
        while (entries_[i].to != to) i = (i + 1) & mask_;
        return i;
    }
    void put(std::uint32_t hash, reference to) noexcept {
        std::uint32_t i = hash & mask_;
        while (!entries_[i].to.is_none()) i = (i + 1) & mask_;
        entries_[i] = {hash, to};
    }
    bool resize(std::uint32_t count) noexcept {
        std::unique_ptr<entry[]> old(new (std::nothrow) entry[count]);
        if (old == nullptr) return false;
        old.swap(entries_);
        const std::uint32_t old_count = old == nullptr ? 0 : mask_ + 1;
        mask_ = count - 1;
        for (std::uint32_t i = 0; i < old_count; ++i)
            if (!old[i].to.is_none()) put(old[i].hash, old[i].to);
        return true;
    }

    std::unique_ptr<entry[]> entries_;
    std::uint32_t mask_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace coax::stack::tcp
