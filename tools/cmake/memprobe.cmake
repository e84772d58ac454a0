# One library a folder: memprobe_library(NAME DEPENDS ...) builds every .c file of the current
# folder as memprobe_NAME. A folder sees only its own headers and those of the folders it depends
# on, so that an include against the arrows of docs/design.md does not compile.

find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBBPF REQUIRED libbpf>=1.1)
pkg_check_modules(LIBELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)

option(MEMPROBE_STATIC "Link libelf and zlib statically: the program then needs glibc only" ON)

# What `cc -lLIBRARIES` would link, as archives; empty when one is missing or they do not link: a
# distribution's libelf.a may need more than its pkg-config file says.
function(memprobe_find_archives ret symbol)
  set(archives "")
  foreach(library ${ARGN})
    find_library(MEMPROBE_ARCHIVE_${library} lib${library}.a)
    mark_as_advanced(MEMPROBE_ARCHIVE_${library})
    list(APPEND archives ${MEMPROBE_ARCHIVE_${library}})
  endforeach()
  set(CMAKE_REQUIRED_LIBRARIES ${archives})
  if(NOT "${archives}" MATCHES "NOTFOUND")
    check_function_exists(${symbol} MEMPROBE_STATIC_${symbol})
  endif()
  if(MEMPROBE_STATIC_${symbol})
    set(${ret} ${archives} PARENT_SCOPE)
  else()
    set(${ret} "" PARENT_SCOPE)
    message(STATUS "${ARGN} cannot be linked statically: the program needs the shared ones")
  endif()
endfunction()

# memprobe_archives(TARGET SYMBOL LIBRARY...): has whatever links TARGET link these archives instead.
function(memprobe_archives target symbol)
  memprobe_find_archives(archives ${symbol} ${ARGN})
  if(archives)
    set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${archives}")
  endif()
endfunction()

if(MEMPROBE_STATIC)
  include(CheckFunctionExists)
  memprobe_archives(PkgConfig::ZLIB inflate ${ZLIB_STATIC_LIBRARIES})
  memprobe_archives(PkgConfig::LIBELF elf_begin ${LIBELF_STATIC_LIBRARIES})
endif()

# libbpf is linked statically: the program can be copied to a machine that has none.
find_library(LIBBPF_ARCHIVE libbpf.a HINTS ${LIBBPF_LIBRARY_DIRS} REQUIRED)
add_library(libbpf_static STATIC IMPORTED GLOBAL)
set_target_properties(libbpf_static PROPERTIES IMPORTED_LOCATION ${LIBBPF_ARCHIVE}
  INTERFACE_LINK_LIBRARIES "PkgConfig::LIBELF;PkgConfig::ZLIB")

# The compiler as a command: what CMake itself compiles it gives the sysroot of a cross build.
set(MEMPROBE_CC ${CMAKE_C_COMPILER})
if(CMAKE_SYSROOT)
  list(APPEND MEMPROBE_CC --sysroot=${CMAKE_SYSROOT})
endif()

add_library(memprobe_flags INTERFACE)
target_compile_options(memprobe_flags INTERFACE -Wall -Wextra -Wno-unused-parameter
  -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wshadow -fno-strict-aliasing)
if(MEMPROBE_WERROR)
  target_compile_options(memprobe_flags INTERFACE -Werror)
endif()
if(MEMPROBE_SANITIZE)
  target_compile_options(memprobe_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(memprobe_flags INTERFACE -fsanitize=address,undefined)
endif()
target_compile_definitions(memprobe_flags INTERFACE _GNU_SOURCE MEMPROBE_VERSION="${PROJECT_VERSION}")
target_include_directories(memprobe_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)

function(memprobe_library name)
  cmake_parse_arguments(LIBRARY "" "" "DEPENDS;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(memprobe_${name} STATIC ${sources})
  target_include_directories(memprobe_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(memprobe_${name} PRIVATE memprobe_flags ${LIBRARY_LINKS})
  foreach(dependency ${LIBRARY_DEPENDS})
    target_link_libraries(memprobe_${name} PUBLIC memprobe_${dependency})
  endforeach()
endfunction()
