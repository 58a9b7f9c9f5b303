#!/bin/bash
# The stack is sans-IO: the objects of its library ask for no system call, clock, thread, random
# device, exception or stream, and hold no writable data. Knows object files, not sources.
# usage: stack_symbols.sh LIBRARY
set -euo pipefail

# Names as the linker sees them, demangled, without parameters.
forbidden='clock_gettime|gettimeofday|time|nanosleep|usleep|sleep|syscall|ioctl|poll|ppoll|select'
forbidden+='|epoll_[a-z]+|socket|bind|listen|accept4?|connect|(send|recv)(to|from|msg|mmsg)?'
forbidden+='|open(at)?|close|p?(read|write)(v|64)?|mmap|munmap|fopen|fwrite|fputs|puts|f?printf'
forbidden+='|getrandom|getentropy|s?rand|random|getenv|pthread_[a-z_]+|sched_[a-z_]+'
forbidden+='|std::random_device.*|std::thread.*|std::chrono::_V2::.*|std::(cout|cerr|ostream.*)'
forbidden+='|__cxa_throw|__cxa_allocate_exception|__cxa_begin_catch'

used=$(nm --undefined-only --demangle "$1" | sed -nE 's/^ +U ([^(@]*).*/\1/p' | sort -u)
# .data.rel.ro is read-only once the program is loaded: tables of pointers stand there.
held=$(objdump --syms --demangle "$1" | grep -P '^\S+ .{7} \.(data|bss|tdata|tbss)\S*\t0*[1-9a-f]' |
    grep -vE ' \.data\.rel\.ro' | sed -E 's/.*\t[0-9a-f]+ +(\.hidden )?//' | sort -u) || true

status=0
if bad=$(grep -xE "$forbidden" <<<"$used"); then
    echo "stack/ may not use:" && sed 's/^/  /' <<<"$bad"
    status=1
fi
if [[ -n $held ]]; then
    echo "stack/ may not hold writable data:" && sed 's/^/  /' <<<"$held"
    status=1
fi
((status == 0)) && echo "$(wc -l <<<"$used") symbols used from outside, none forbidden"
exit "$status"
