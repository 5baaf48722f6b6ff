# Toolchain file for Cortex-M with arm-none-eabi-gcc:
#   cmake --toolchain arm-none-eabi.cmake ...
# Name the core with -DCORTEX=cortex-m4 (the default), cortex-m0, cortex-m0plus, cortex-m3, cortex-m7 or cortex-m33.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CORTEX cortex-m4 CACHE STRING "Core to build for")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CORTEX)

find_program(ARM_GCC arm-none-eabi-gcc)
if(NOT ARM_GCC)
  message(FATAL_ERROR "arm-none-eabi-gcc was not found: install it (Debian: gcc-arm-none-eabi)")
endif()
find_program(ARM_GXX arm-none-eabi-g++)
set(CMAKE_C_COMPILER ${ARM_GCC})
if(ARM_GXX)
  set(CMAKE_CXX_COMPILER ${ARM_GXX})
endif()
set(CMAKE_C_FLAGS_INIT "-mcpu=${CORTEX} -mthumb -mfloat-abi=soft -ffunction-sections -fdata-sections")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT} -fno-exceptions -fno-rtti")
# There is no program that a compiler check could link: start-up code and memory map are the board's.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
