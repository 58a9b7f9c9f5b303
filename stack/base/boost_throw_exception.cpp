// What Boost's containers call instead of throwing, in a build without exceptions: the stack bounds
// its containers itself, so each such call is a bug of ours. Knows nothing of who called.

#include <cstdlib>
#include <exception>

#include <boost/assert/source_location.hpp>
#include <boost/config.hpp>

namespace boost {

BOOST_NORETURN void throw_exception(const std::exception& error);
BOOST_NORETURN void throw_exception(const std::exception& error, const source_location& where);

void throw_exception(const std::exception&) { std::abort(); }

void throw_exception(const std::exception&, const source_location&) { std::abort(); }

}  // namespace boost
