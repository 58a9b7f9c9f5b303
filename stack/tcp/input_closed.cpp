// RFC 9293 3.10.7.1: a segment for no connection and no listener.
#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

disposition input_closed(core& k, const flow& ends, const incoming& in) noexcept {
    reset_in_answer(k, ends, path(), in);
    return disposition::no_listener;
}

}  // namespace coax::stack::tcp
