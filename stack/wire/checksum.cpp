// The loops of the Internet checksum. Knows no header.
#include "stack/wire/checksum.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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
#else
std::uint64_t sum_64_bytes(std::uint64_t sum, const std::byte* data) noexcept {
    for (int i = 0; i < 8; ++i) sum = add_carry(sum, load_native<std::uint64_t>(data + 8 * i));
    return sum;
}
#endif

#if defined(__SSE2__)
// 16-bit words as signed numbers (shifted by 0x8000, put right at the end) summed in pairs into
// four 32-bit columns. A column takes 2^15 per word and two words per step, so `blocks` of 64 bytes
// must stay below 2^13.
constexpr std::size_t vector_blocks_max = 4096;

std::uint64_t copy_and_sum_blocks(std::byte* target, const std::byte* source,
                                  std::size_t blocks) noexcept {
    const __m128i shift = _mm_set1_epi16(-0x8000);
    const __m128i ones = _mm_set1_epi16(1);
    __m128i columns = _mm_setzero_si128();
    for (std::size_t i = 0; i < blocks; ++i) {
        for (std::size_t j = 0; j < 64; j += 16) {
            const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + j));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(target + j), words);
            columns = _mm_add_epi32(columns, _mm_madd_epi16(_mm_xor_si128(words, shift), ones));
        }
        source += 64;
        target += 64;
    }
    std::array<std::int32_t, 4> parts{};
    std::memcpy(parts.data(), &columns, sizeof columns);
    const std::int64_t total = std::int64_t{parts[0]} + parts[1] + parts[2] + parts[3];
    return static_cast<std::uint64_t>(total + static_cast<std::int64_t>(blocks * 32 * 0x8000));
}
#else
constexpr std::size_t vector_blocks_max = 4096;

std::uint64_t copy_and_sum_blocks(std::byte* target, const std::byte* source,
                                  std::size_t blocks) noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < blocks * 8; ++i) {
        const auto word = load_native<std::uint64_t>(source + 8 * i);
        store_native(target + 8 * i, word);
        sum = add_carry(sum, word);
    }
    return sum;
}
#endif

}  // namespace

std::uint64_t sum_bytes(std::uint64_t sum, const std::byte* data, std::size_t size) noexcept {
    while (size >= 64) {
        sum = sum_64_bytes(sum, data);
        data += 64;
        size -= 64;
    }
    while (size >= 8) {
        sum = add_carry(sum, load_native<std::uint64_t>(data));
        data += 8;
        size -= 8;
    }
    if (size == 0) return sum;
    return add_carry(sum, sum_tail(size, [data]<class Word>(std::size_t at, Word) {
                         return load_native<Word>(data + at);
                     }));
}

std::uint64_t copy_and_sum(std::uint64_t sum, std::byte* target, const std::byte* source,
                           std::size_t size) noexcept {
    while (size >= 256) {  // below, setting the vector loop up costs more than it saves
        const std::size_t blocks = size / 64 < vector_blocks_max ? size / 64 : vector_blocks_max;
        sum = add_carry(sum, copy_and_sum_blocks(target, source, blocks));
        target += blocks * 64;
        source += blocks * 64;
        size -= blocks * 64;
    }
    while (size >= 8) {
        const auto word = load_native<std::uint64_t>(source);
        store_native(target, word);
        sum = add_carry(sum, word);
        target += 8;
        source += 8;
        size -= 8;
    }
    if (size == 0) return sum;
    return add_carry(sum, sum_tail(size, [=]<class Word>(std::size_t at, Word) {
                         const auto word = load_native<Word>(source + at);
                         store_native(target + at, word);
                         return word;
                     }));
}

}  // namespace coax::stack::wire
