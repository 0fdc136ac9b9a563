# What every folder says of itself, in one line each.

add_library(monopod_options INTERFACE)
target_include_directories(monopod_options INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_options(monopod_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wno-missing-field-initializers -Werror -fno-omit-frame-pointer)
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

# fmt as every folder uses it.
add_library(monopod_fmt STATIC ${PROJECT_SOURCE_DIR}/cmake/fmt.cc)

# monopod_library(name SOURCES ... DEPENDS ...): the folder's one target, monopod_<name>.
function(monopod_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(monopod_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(monopod_${name} PUBLIC monopod_options ${ARG_DEPENDS})
endfunction()

# monopod_executable(name SOURCES ... DEPENDS ...): a program, at the top of the build folder,
# and fully static with MONOPOD_STATIC.
function(monopod_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE monopod_options ${ARG_DEPENDS})
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
foreach(label pure store process etcd cluster simulation)
  add_custom_target(${label}_tests)
endforeach()

# monopod_test(name SOURCES ... DEPENDS ... [LABELS ...] [PREFIX P]): one GoogleTest program, each
# test of it a test of CTest; PREFIX tells those apart whose sources are built twice.
#   pure     no file, process, thread or clock
#   store    files and threads
#   process  starts processes
#   etcd     starts etcd servers
#   simulation  many schedules: too slow under a sanitizer
#   cluster  and three of them at once: what one member shows already, once more
function(monopod_test name)
  if(NOT MONOPOD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT;PREFIX" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE monopod_options ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  # Tests mostly wait, so only their compile time counts.
  target_compile_options(${name} PRIVATE -O0)
  foreach(label ${ARG_LABELS})
    add_dependencies(${label}_tests ${name})
  endforeach()
  set(processors 1)
  if("etcd" IN_LIST ARG_LABELS OR "cluster" IN_LIST ARG_LABELS)
    set(processors 2)  # the servers of a test are at work, too
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${ARG_PREFIX}" NO_PRETTY_VALUES
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${processors})
endfunction()
