// The loops of the Internet checksum. Knows no header.
#include "stack/wire/checksum.hpp"

#include <algorithm>
#include <array>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
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

// From here on the long way pays: vectors of 32 bytes, where the processor has them.
constexpr std::size_t long_size = 256;
bool is_long(std::size_t size) noexcept {
    return size >= long_size && __builtin_cpu_supports("avx2") != 0;
}

// Adds words of 16 bits to columns of 32. One instruction multiplies words by one and adds them two
// by two, but takes them as signed: turning the highest bit makes each word 32768 less than it was
// as an unsigned one. The caller puts that back.
struct word_adder {
    __m256i highest;
    __m256i ones;

    // The compiler does not learn what the two hold, or it would make them anew at each use.
    [[gnu::target("avx2"), gnu::always_inline]] word_adder() noexcept
        : highest(_mm256_set1_epi16(static_cast<short>(0x8000))), ones(_mm256_set1_epi16(1)) {
        __asm__("" : "+x"(highest), "+x"(ones));
    }
    [[gnu::target("avx2"), gnu::always_inline]] __m256i add(__m256i columns,
                                                            __m256i words) const noexcept {
        return _mm256_add_epi32(columns, _mm256_madd_epi16(_mm256_xor_si256(words, highest), ones));
    }
};

// 32 bytes at `source`, copied on the way if Copy.
template <bool Copy>
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i pass(std::byte* target,
                                                                const std::byte* source) noexcept {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
    if constexpr (Copy) _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), words);
    return words;
}

// The same for `Vectors` of them. Two chains of additions run side by side.
template <bool Copy, std::ptrdiff_t Vectors>
[[gnu::target("avx2"), gnu::always_inline]] inline void add_vectors(
    const word_adder& words, __m256i (&columns)[2], std::byte*& target,
    const std::byte*& source) noexcept {
#pragma GCC unroll 16
    for (std::ptrdiff_t i = 0; i < Vectors; ++i)
        columns[i & 1] = words.add(columns[i & 1],
                                   pass<Copy>(Copy ? target + 32 * i : nullptr, source + 32 * i));
    source += 32 * Vectors;
    if constexpr (Copy) target += 32 * Vectors;
}

// `size` bytes but for an odd last one; long_size at least.
template <bool Copy>
[[gnu::noinline, gnu::target("avx2")]] std::uint64_t add_long(std::uint64_t sum, std::byte* target,
                                                              const std::byte* source,
                                                              std::size_t size) noexcept {
    constexpr std::size_t most = 4088 * 32;  // so that the columns together fit 32 bits
    for (; size >= most + long_size; size -= most, source += most, target += Copy ? most : 0)
        [[unlikely]]
        sum = add_long<Copy>(sum, target, source, most);
    const word_adder words;
    __m256i columns[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    // Sixteen vectors at a time, then what is left by the bits of its size.
    for (const std::byte* const end = source + (size & ~std::size_t{511}); source != end;)
        add_vectors<Copy, 16>(words, columns, target, source);
    if ((size & 256U) != 0) add_vectors<Copy, 8>(words, columns, target, source);
    if ((size & 128U) != 0) add_vectors<Copy, 4>(words, columns, target, source);
    if ((size & 64U) != 0) add_vectors<Copy, 2>(words, columns, target, source);
    if ((size & 32U) != 0) add_vectors<Copy, 1>(words, columns, target, source);
    if (const std::size_t left = size & 30U; left != 0) {
        // With some that were summed before them, which count as zero now.
        alignas(64) static constexpr std::array<std::uint8_t, 64> zeros_then_ones = [] {
            std::array<std::uint8_t, 64> mask{};
            std::fill(mask.begin() + 32, mask.end(), std::uint8_t{0xff});
            return mask;
        }();
        const __m256i last = pass<Copy>(Copy ? target + left - 32 : nullptr, source + left - 32);
        const __m256i mask =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(zeros_then_ones.data() + left));
        columns[0] = words.add(columns[0], _mm256_and_si256(last, mask));
    }
    const __m256i both = _mm256_add_epi32(columns[0], columns[1]);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0b01'00'11'10));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0b10'11'00'01));
    const std::int64_t columns_sum = _mm_cvtsi128_si32(four);
    const std::size_t vectors = (size + 30) / 32;  // as many as were added
    return add_carry(sum, static_cast<std::uint64_t>(columns_sum) + vectors * (16 * 0x8000));
}
#else
constexpr bool is_long(std::size_t) noexcept { return false; }
template <bool Copy>
std::uint64_t add_long(std::uint64_t sum, std::byte*, const std::byte*, std::size_t) noexcept {
    return sum;
}
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
    if (is_long(size)) [[unlikely]] {
        sum = add_long<false>(sum, nullptr, data, size);
        data += size & ~std::size_t{1};
        size &= 1U;
    } else if (size >= 64) {
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
    if (is_long(size)) [[unlikely]] {
        sum = add_long<true>(sum, target, source, size);
        const std::size_t done = size & ~std::size_t{1};
        target += done;
        source += done;
        size &= 1U;
    } else if (size >= 64) [[likely]] {
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
