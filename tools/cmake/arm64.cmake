# A program for arm64, built on another machine: tools/build --arm64, which gives CMAKE_SYSROOT. clang
# and bpftool are this machine's, C library, headers and libraries those of the sysroot.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# This machine's emulator runs what is built.
find_program(MEMPROBE_EMULATOR qemu-aarch64)
mark_as_advanced(MEMPROBE_EMULATOR)
if(MEMPROBE_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${MEMPROBE_EMULATOR} -L ${CMAKE_SYSROOT})
endif()
