# gRPC, which Debian describes to pkg-config in full only. monopod_grpc is what to link: few shared
# libraries, or all archives in their order if the executable is static.
find_package(PkgConfig REQUIRED)
set(MONOPOD_GRPC_PACKAGES "grpc++ protobuf-lite openssl")
separate_arguments(packages UNIX_COMMAND ${MONOPOD_GRPC_PACKAGES})
pkg_check_modules(MONOPOD_GRPC REQUIRED QUIET IMPORTED_TARGET ${packages})
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

set(shared_libraries grpc++ grpc gpr protobuf-lite absl_synchronization ssl crypto)
add_library(monopod_grpc INTERFACE)
target_link_libraries(monopod_grpc INTERFACE
  "$<IF:$<BOOL:$<TARGET_PROPERTY:MONOPOD_STATIC_EXECUTABLE>>,${MONOPOD_GRPC_STATIC_LIBRARIES},${shared_libraries}>")
