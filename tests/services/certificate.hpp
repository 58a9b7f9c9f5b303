// A certificate for 127.0.0.1 that nobody but its test trusts, made by the command `openssl`.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tests/services/temporary_directory.hpp"

inline void run_openssl(const std::string& arguments) {
    const std::string command = "openssl " + arguments + " >/dev/null 2>&1 </dev/null";
    // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): the command is the test's own
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
}

class certificate {
  public:
    certificate() {
        run_openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            "-subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout " +
            key() + " -out " + chain());
    }

    std::string chain() const { return files_ / "chain.pem"; }
    std::string key() const { return files_ / "key.pem"; }
    std::string operator/(const std::string& name) const { return files_ / name; }

  private:
    temporary_directory files_;
};
