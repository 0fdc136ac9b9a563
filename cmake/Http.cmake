# HTTP over TLS: the headers of Boost.Beast, of which nothing is linked, and OpenSSL, whose name alone
# means the archive in a static executable and the shared library that gRPC uses, too, in others.
find_package(Boost 1.74 REQUIRED)

add_library(monopod_http INTERFACE)
target_link_libraries(monopod_http INTERFACE Boost::headers ssl crypto)
# Beast 1.74 asserts too much: an empty body in chunks, split inside its last line, is fine, and newer
# versions say so. The fuzzer http_answer watches over the rest.
target_compile_definitions(monopod_http INTERFACE BOOST_DISABLE_ASSERTS)
# The thread sanitizer cannot see the fences that Asio sets around what it calls.
if(MONOPOD_SANITIZE STREQUAL thread)
  target_compile_definitions(monopod_http INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
