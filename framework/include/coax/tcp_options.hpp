// Socket options of TCP that Asio has no types for, in the form its set_option() and get_option()
// take. They mean the same on every backend. Which option is which number: coax::tcp's aliases.
#pragma once

#include <cstddef>
#include <stdexcept>

namespace coax::detail {

// Options of coax's own stack alone.
inline constexpr int stack_option_level = 0x636f6178;
inline constexpr int stack_option_ecn = 1;
inline constexpr int stack_option_pacing = 2;
inline constexpr int stack_option_idle = 3;

// An int, as setsockopt(2) wants it. 0 until set or read.
template <int Level, int Name>
class integer_option {
  public:
    integer_option() noexcept = default;
    explicit integer_option(int value) noexcept : value_(value) {}
    int value() const noexcept { return value_; }

    template <class Protocol>
    int level(const Protocol&) const noexcept {
        return Level;
    }
    template <class Protocol>
    int name(const Protocol&) const noexcept {
        return Name;
    }
    template <class Protocol>
    int* data(const Protocol&) noexcept {
        return &value_;
    }
    template <class Protocol>
    const int* data(const Protocol&) const noexcept {
        return &value_;
    }
    template <class Protocol>
    std::size_t size(const Protocol&) const noexcept {
        return sizeof value_;
    }
    template <class Protocol>
    void resize(const Protocol&, std::size_t size) const {
        if (size != sizeof value_) throw std::length_error("socket option resize");
    }

  private:
    int value_ = 0;
};

template <int Level, int Name>
class boolean_option : public integer_option<Level, Name> {
  public:
    boolean_option() noexcept = default;
    explicit boolean_option(bool on) noexcept : integer_option<Level, Name>(on ? 1 : 0) {}
    bool value() const noexcept { return integer_option<Level, Name>::value() != 0; }
    explicit operator bool() const noexcept { return value(); }
};

// One of several words; the first until set or read.
template <int Level, int Name, class Word>
class word_option : public integer_option<Level, Name> {
  public:
    word_option() noexcept = default;
    explicit word_option(Word word) noexcept
        : integer_option<Level, Name>(static_cast<int>(word)) {}
    Word value() const noexcept { return static_cast<Word>(integer_option<Level, Name>::value()); }
};

}  // namespace coax::detail
