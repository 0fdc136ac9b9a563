# What every folder says of itself, in one line each.

add_library(monopod_options INTERFACE)
target_include_directories(monopod_options INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_options(monopod_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wno-missing-field-initializers -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # See ghosts in what is inlined of std::string, once the headers are precompiled.
  target_compile_options(monopod_options INTERFACE -Wno-array-bounds -Wno-stringop-overread)
endif()
if(MONOPOD_SANITIZE)
  # The check of virtual tables opens a pipe to look at memory: a test that uses up all file
  # descriptors would be reported.
  add_compile_options(
    -fsanitize=${MONOPOD_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MONOPOD_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Sees ghosts in std::regex once the address sanitizer has rearranged it.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
if(MONOPOD_FUZZ)
  # The libraries too: the fuzzer steers by the coverage of what it calls.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Headers that nearly every file includes, compiled once: for the libraries and programs, for the
# command line's, and for the tests, whose flags differ. Only headers that are not ours, so that no
# change of ours compiles everything anew. Not for the linter, which must see what a file lacks.
set(common_headers <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <functional>
  <map> <memory> <mutex> <optional> <set> <stop_token> <string> <string_view> <thread> <utility>
  <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
function(monopod_precompiled name)
  file(WRITE ${PROJECT_BINARY_DIR}/precompiled/${name}.cc "")
  add_library(monopod_${name}_headers OBJECT ${PROJECT_BINARY_DIR}/precompiled/${name}.cc)
  target_link_libraries(monopod_${name}_headers PRIVATE monopod_options)
  target_precompile_headers(monopod_${name}_headers PRIVATE ${common_headers} ${ARGN})
endfunction()
monopod_precompiled(common)

# fmt as every folder uses it.
add_library(monopod_fmt STATIC ${PROJECT_SOURCE_DIR}/cmake/fmt.cc)

# monopod_library(name SOURCES ... DEPENDS ...): the folder's one target, monopod_<name>.
# monopod_library(name FOR_TESTS ...): one that only tests use, compiled as they are.
function(monopod_library name)
  cmake_parse_arguments(ARG "FOR_TESTS" "" "SOURCES;DEPENDS" ${ARGN})
  if(ARG_FOR_TESTS AND NOT MONOPOD_TESTS)
    return()
  endif()
  add_library(monopod_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(monopod_${name} PUBLIC monopod_options ${ARG_DEPENDS})
  if(ARG_FOR_TESTS)
    monopod_compiled_as_test(monopod_${name})
  else()
    target_precompile_headers(monopod_${name} REUSE_FROM monopod_common_headers)
  endif()
endfunction()

# monopod_executable(name SOURCES ... DEPENDS ... [HEADERS common]): a program, at the top of the build
# folder, and fully static with MONOPOD_STATIC. HEADERS names those that it has precompiled.
function(monopod_executable name)
  cmake_parse_arguments(ARG "" "HEADERS" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS common)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE monopod_options ${ARG_DEPENDS})
  target_precompile_headers(${name} REUSE_FROM monopod_${ARG_HEADERS}_headers)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  if(MONOPOD_STATIC)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/static_dlopen.cc)
    target_link_options(${name} PRIVATE -static -Wl,--wrap=dlopen)
    set_target_properties(${name} PROPERTIES MONOPOD_STATIC_EXECUTABLE ON)
  endif()
endfunction()

# monopod_reads_sources(FILE...): these sources know where the checkout is. Few should: the others can
# be taken from the cache of another checkout.
function(monopod_reads_sources)
  set_source_files_properties(${ARGN} PROPERTIES
    COMPILE_DEFINITIONS MONOPOD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endfunction()

# Tests have labels, by which a developer picks or leaves out some (`ctest -L`), and which name
# the target that builds just those.
foreach(label pure store process etcd support cluster simulation kubeconfig)
  add_custom_target(${label}_tests)
endforeach()

# Tests mostly wait, so only their compile time counts.
function(monopod_compiled_as_test target)
  target_compile_options(${target} PRIVATE -O0)
  target_compile_definitions(${target} PRIVATE GTEST_HAS_PTHREAD=1)
  target_precompile_headers(${target} REUSE_FROM monopod_test_headers)
endfunction()
if(MONOPOD_TESTS)
  monopod_precompiled(test <gtest/gtest.h> <gmock/gmock.h>)
  target_compile_options(monopod_test_headers PRIVATE -O0)
  target_compile_definitions(monopod_test_headers PRIVATE GTEST_HAS_PTHREAD=1)
endif()

# monopod_test_objects(name SOURCES ... DEPENDS ...): what several test programs are made of, compiled
# once; their SOURCES say $<TARGET_OBJECTS:name>.
function(monopod_test_objects name)
  if(NOT MONOPOD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} OBJECT ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE monopod_options ${ARG_DEPENDS})
  monopod_compiled_as_test(${name})
endfunction()

# monopod_test(name SOURCES ... DEPENDS ... [LABELS ...] [PREFIX P] [FILTER F] [PROCESSORS N]): one
# GoogleTest program, each test of it a test of CTest; PREFIX tells those apart whose sources are built
# twice, FILTER, as GoogleTest writes it, names those that count, and PROCESSORS is for those that are
# busy.
#   pure     no file, process, thread or clock
#   store    files and threads
#   process  starts processes
#   etcd     starts etcd servers
#   support  of what the other tests use
#   simulation  many schedules: too slow under a sanitizer
#   cluster  and three of them at once: what one member shows already, once more
#   kubeconfig  run on any Kubernetes cluster, too (tests/support/kube_cluster.h), but for those whose
#               names say that it is unsteady
function(monopod_test name)
  if(NOT MONOPOD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT;PREFIX;FILTER;PROCESSORS" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)  # it may be of objects only
  target_link_libraries(${name} PRIVATE monopod_options ${ARG_DEPENDS} GTest::gmock
    GTest::gtest_main)
  monopod_compiled_as_test(${name})
  foreach(label ${ARG_LABELS})
    add_dependencies(${label}_tests ${name})
  endforeach()
  set(processors 1)
  if(ARG_PROCESSORS)
    set(processors ${ARG_PROCESSORS})
  elseif("etcd" IN_LIST ARG_LABELS OR "cluster" IN_LIST ARG_LABELS)
    set(processors 2)  # the servers of a test are at work, too
  endif()
  # CMake loses count of a list here; and -L looks for a part of a label.
  string(REPLACE ";" "," labels "${ARG_LABELS}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${ARG_PREFIX}" NO_PRETTY_VALUES
    TEST_FILTER "${ARG_FILTER}" PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${processors})
endfunction()
