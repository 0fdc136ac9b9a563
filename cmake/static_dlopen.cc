// Linked into static executables with --wrap=dlopen. They have nothing to load; SQLite's
// extensions, which nobody asks for here, are all that would. Without this, each link warns
// that glibc's dlopen needs shared libraries.
extern "C" void* __wrap_dlopen(const char* file, int mode);

extern "C" void* __wrap_dlopen(const char* /*file*/, int /*mode*/) { return nullptr; }
