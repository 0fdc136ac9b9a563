# `cmake --install`: the program, and the library as one archive with its headers, found by
# find_package(monopod) and by pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The folders that the public headers stand for, in one archive.
add_library(monopod_archive STATIC
  $<TARGET_OBJECTS:monopod_fmt> $<TARGET_OBJECTS:monopod_base>
  $<TARGET_OBJECTS:monopod_protocol> $<TARGET_OBJECTS:monopod_store>
  $<TARGET_OBJECTS:monopod_etcd> $<TARGET_OBJECTS:monopod_etcd_proto>
  $<TARGET_OBJECTS:monopod_etcd_client> $<TARGET_OBJECTS:monopod_kube>
  $<TARGET_OBJECTS:monopod_kube_client> $<TARGET_OBJECTS:monopod_lock>
  $<TARGET_OBJECTS:monopod_election>)
set_target_properties(monopod_archive PROPERTIES
  LINKER_LANGUAGE CXX OUTPUT_NAME monopod EXPORT_NAME monopod)
target_compile_features(monopod_archive INTERFACE cxx_std_20)
target_include_directories(monopod_archive INTERFACE $<INSTALL_INTERFACE:include>)
target_link_libraries(monopod_archive INTERFACE
  SQLite::SQLite3 PkgConfig::MONOPOD_GRPC yaml-cpp Threads::Threads tl::expected)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/monopod)
install(TARGETS monopod_archive EXPORT monopod)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/monopod TYPE INCLUDE FILES_MATCHING PATTERN *.h)
install(EXPORT monopod NAMESPACE monopod:: FILE monopodTargets.cmake DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/monopodConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
# So that the copy can be moved.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/monopod.pc.in ${PROJECT_BINARY_DIR}/monopod.pc @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/monopodConfig.cmake.in
  ${PROJECT_BINARY_DIR}/monopodConfig.cmake @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/monopodConfig.cmake
  ${PROJECT_BINARY_DIR}/monopodConfigVersion.cmake DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/monopod.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(completions
  bash share/bash-completion/completions monopod
  zsh share/zsh/site-functions _monopod
  fish share/fish/vendor_completions.d monopod.fish)
while(completions)
  list(POP_FRONT completions shell folder name)
  set(script ${PROJECT_BINARY_DIR}/completion.${shell})
  add_custom_command(OUTPUT ${script} DEPENDS monopod
    COMMAND monopod completion ${shell} > ${script})
  list(APPEND scripts ${script})
  install(FILES ${script} DESTINATION ${folder} RENAME ${name})
endwhile()
add_custom_target(completions ALL DEPENDS ${scripts})
