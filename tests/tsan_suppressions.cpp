// What the thread sanitizer cannot see: libstdc++ is not built with it, and the count of an
// exception_ptr is kept there. An exception that a future carries to another thread would be told
// as a race at its end.
extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
    return "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
