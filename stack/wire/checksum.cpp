// The loops of the Internet checksum. Knows no header.
#include "stack/wire/checksum.hpp"

namespace coax::stack::wire {

namespace {

// Sum of the last 0..7 bytes; take(offset, size) gives them as a native number of that size.
template <class Take>
std::uint64_t sum_tail(std::size_t size, Take take) noexcept {
    std::uint64_t tail = 0;
    std::size_t at = 0;
    if ((size & 4U) != 0) {
        tail = take(at, std::uint32_t{});
        at += 4;
    }
    if ((size & 2U) != 0) {
        tail += take(at, std::uint16_t{});
        at += 2;
    }
    if ((size & 1U) != 0) {
        const std::uint64_t last = take(at, std::uint8_t{});
        // The byte is the first of its word; a zero is the second.
        tail += std::endian::native == std::endian::little ? last : last << 8;
    }
    return tail;
}

#if defined(__x86_64__) && defined(__GNUC__)
// 64 bytes with one carry chain: the compilers do not make one out of C++.
std::uint64_t sum_64_bytes(std::uint64_t sum, const std::byte* data) noexcept {
    __asm__(
        "addq   (%[data]), %[sum]\n\t"
        "adcq  8(%[data]), %[sum]\n\t"
        "adcq 16(%[data]), %[sum]\n\t"
        "adcq 24(%[data]), %[sum]\n\t"
        "adcq 32(%[data]), %[sum]\n\t"
        "adcq 40(%[data]), %[sum]\n\t"
        "adcq 48(%[data]), %[sum]\n\t"
        "adcq 56(%[data]), %[sum]\n\t"
        "adcq $0, %[sum]"
        : [sum] "+r"(sum)
        : [data] "r"(data), "m"(*reinterpret_cast<const std::byte(*)[64]>(data))
        : "cc");
    return sum;
}

std::uint64_t sum_32_bytes(std::uint64_t sum, const std::byte* data) noexcept {
    __asm__(
        "addq   (%[data]), %[sum]\n\t"
        "adcq  8(%[data]), %[sum]\n\t"
        "adcq 16(%[data]), %[sum]\n\t"
        "adcq 24(%[data]), %[sum]\n\t"
        "adcq $0, %[sum]"
        : [sum] "+r"(sum)
        : [data] "r"(data), "m"(*reinterpret_cast<const std::byte(*)[32]>(data))
        : "cc");
    return sum;
}
#else
std::uint64_t sum_32_bytes(std::uint64_t sum, const std::byte* data) noexcept {
    for (int i = 0; i < 4; ++i) sum = add_carry(sum, load_native<std::uint64_t>(data + 8 * i));
    return sum;
}

std::uint64_t sum_64_bytes(std::uint64_t sum, const std::byte* data) noexcept {
    return sum_32_bytes(sum_32_bytes(sum, data), data + 32);
}
#endif

}  // namespace

// Sizes are cut to powers of two by their bits: what is left of a size needs no subtraction, and a
// short message takes no loop but the first, once.
std::uint64_t sum_bytes(std::uint64_t sum, const std::byte* data, std::size_t size) noexcept {
    if (size >= 64) {
        const std::byte* const end = data + (size & ~std::size_t{63});
        do {
            sum = sum_64_bytes(sum, data);
            data += 64;
        } while (data != end);
    }
    if ((size & 32U) != 0) {
        sum = sum_32_bytes(sum, data);
        data += 32;
    }
    if ((size & 16U) != 0) {
        sum = add_carry(sum, load_native<std::uint64_t>(data));
        sum = add_carry(sum, load_native<std::uint64_t>(data + 8));
        data += 16;
    }
    if ((size & 15U) == 0) return sum;
    if ((size & 8U) != 0) {
        sum = add_carry(sum, load_native<std::uint64_t>(data));
        data += 8;
    }
    return add_carry(sum, sum_tail(size & 7U, [data]<class Word>(std::size_t at, Word) {
                         return load_native<Word>(data + at);
                     }));
}

std::uint64_t copy_and_sum(std::uint64_t sum, std::byte* target, const std::byte* source,
                           std::size_t size) noexcept {
    if (size >= 64) {
        const std::byte* const end = source + (size & ~std::size_t{63});
        do {
            std::memcpy(target, source, 64);  // a few vector moves; the sum reads from the cache
            sum = sum_64_bytes(sum, source);
            source += 64;
            target += 64;
        } while (source != end);
        size &= 63U;
    }
    if (size == 0) return sum;
    for (; size >= 8; size -= 8, source += 8, target += 8) {
        const auto word = load_native<std::uint64_t>(source);
        store_native(target, word);
        sum = add_carry(sum, word);
    }
    return add_carry(sum, sum_tail(size, [=]<class Word>(std::size_t at, Word) {
                         const auto word = load_native<Word>(source + at);
                         store_native(target + at, word);
                         return word;
                     }));
}

}  // namespace coax::stack::wire
