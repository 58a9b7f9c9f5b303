// libFuzzer's entries for one target (COAX_FUZZ_TARGET, from the build), and the making of its seed
// corpus: `fuzz_NAME --write-seeds DIRECTORY`.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/fuzz/target.hpp"

namespace {

constexpr const coax::fuzz::target& chosen = coax::fuzz::COAX_FUZZ_TARGET;

int write_seeds(const std::filesystem::path& directory) {
    std::filesystem::create_directories(directory);
    std::size_t number = 0;
    for (const coax::fuzz::bytes& seed : chosen.seeds()) {
        std::ofstream file(directory / ("seed-" + std::to_string(number++)), std::ios::binary);
        file.write(reinterpret_cast<const char*>(seed.data()),
                   static_cast<std::streamsize>(seed.size()));
        if (!file) {
            std::fprintf(stderr, "cannot write seeds to %s\n", directory.c_str());
            return 1;
        }
    }
    return 0;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
    if (*argc == 3 && std::string_view((*argv)[1]) == "--write-seeds")
        std::exit(write_seeds((*argv)[2]));
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    chosen.run({reinterpret_cast<const std::byte*>(data), size});
    return 0;
}
